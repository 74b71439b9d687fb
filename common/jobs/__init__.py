"""What is to be done to an image: jobs, recipes, and the engines that run them."""
