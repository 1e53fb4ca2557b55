"""Media: from what a caller names (a path, a link, a data URI) to a file that WhatsApp clients show properly, and back.

policy      where sources may come from and how large they may be
sources     one source -> a private copy on disk (paths, data_uri, web do the reading, addresses judges hosts)
kinds       what a file is, by its content
images      photos, stickers (stickers.py), avatars; Pillow
audio video voice notes, probing, conversion; PyAV, no ffmpeg binary
documents   file names, types, page counts
preview     link previews
downloads   where received media is kept
prepare     the facade: ``async with prepared_image(...) as image``

Nothing here knows MCP or WhatsApp's connection. Pillow, PyAV and the HTTP stack load with the first use.
"""
