"""The commands of `filterfleet`, each in a file of its own. filterfleet.app lists them."""
