"""Those who use the simulated WhatsApp: the phone, contacts with their personas, and what a phone remembers.

May use everything but the control and the simulator as a whole.
"""
