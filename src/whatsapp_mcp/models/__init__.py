"""What crosses rooms, one family a file: changes, views, outgoing, session. Uses nothing but the ground."""
