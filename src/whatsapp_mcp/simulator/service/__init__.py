"""What WhatsApp's servers do with what a client sends: one module per subject, each with ``register(router)``.

May use state, content and network.
"""
