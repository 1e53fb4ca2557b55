"""Changes in, one transaction each time: ``writer``, for the session process and `whatsapp-mcp reindex`."""
