"""The handlers: one module for each tag of tools.yaml, or several whose names begin with it.

They may use the store's reading side, media, the commands of the pipe, and what can be asked of a side login. The
session and the side login are handed to them as the two ports of `services`; `runner` is what the MCP face calls.
"""
