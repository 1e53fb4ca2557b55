"""The wire as a server sees it: the proxy on loopback, TLS, HTTP, and the Noise connection of a client.

May use the state.
"""
