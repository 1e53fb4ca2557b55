"""How the session process carries out commands, by domain as in the pipe; uses whatsapp, pipe and the store thread."""
