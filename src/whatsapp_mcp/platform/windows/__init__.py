"""Windows, by its own functions where Python has none (``ctypes``)."""
