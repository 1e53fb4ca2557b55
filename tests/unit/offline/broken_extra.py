"""What a wheel looks like whose libraries do not fit the system."""

raise ImportError("libx.so.9: cannot open shared object file")
