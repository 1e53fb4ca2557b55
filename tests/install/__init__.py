"""What is built, and whether it works where nothing else is."""
