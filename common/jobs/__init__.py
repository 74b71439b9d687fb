"""Jobs, the recipes that say what to do to an image, and the interface of the engines that run jobs."""
