"""Pages in Debian's Chromium, without a window."""
