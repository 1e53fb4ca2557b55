"""What is in a message: made, read, its files and its secrets.

May use the state.
"""
