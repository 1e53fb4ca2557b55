"""What the simulated WhatsApp knows and keeps: accounts, groups, files, and the faults that are switched on.

May use nothing else of the simulator. Nothing here speaks the protocol.
"""
