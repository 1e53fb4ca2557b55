"""neonize, and nothing else knows it: loading it, its events as changes, what is sent as protobuf. Uses wire."""
