"""What a message is found by, and what somebody looks for; for ``store.read`` and ``store.write``."""
