"""What server process and session process say to each other, by domain, and its form on the pipe; uses models only."""
