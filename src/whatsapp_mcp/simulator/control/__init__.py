"""The simulator steered from another process: the command, the control socket, and a client for it.

May use everything of the simulator.
"""
