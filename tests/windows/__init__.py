"""The project's Windows code on a Linux machine: see README.md."""
