"""The message store: SQLite behind one writer (session process) and any number of readers (server process).

Floors, each of which imports only lower ones: the modules beside this one, which any room may use; ``search``, the
index of words; ``read`` and ``write``, which never meet, so that a reader is free of what only the writer needs.
Neither shows SQL to its caller. The store uses the ground and ``models``, no other room.
"""
