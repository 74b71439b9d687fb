"""The photographs that ship with the package, and the contact sheet that the demo makes of them."""
