"""The MCP face: tools and their results, over stdio and HTTP.

It may use the catalogue, and of the operations only their contract (`operations.outcome`).
"""
