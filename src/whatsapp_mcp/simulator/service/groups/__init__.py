"""Groups: who is in them, what they are set to, their messages, and who is told.

May use what the service may, and no subject of it beside the pictures, messages and names that groups have.
"""
