"""What WhatsApp speaks: frames, Noise, binary XML, signatures, app state, media crypto. Uses nothing but the ground."""
