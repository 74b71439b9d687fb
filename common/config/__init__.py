"""Settings from a file and from variables: filterfleet.toml, FILTERFLEET_..., and what a reload takes of them."""
