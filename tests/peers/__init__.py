"""WhatsApp clients written by others, on the simulator, with this server on the other side."""
