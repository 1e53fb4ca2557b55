"""The message store: SQLite behind one writer (session process) and any number of readers (server process).

``writer`` takes changes, ``reader`` answers with views; neither shows SQL to its caller. Import the modules, not this
package: the reader's side must stay free of what only the writer needs.
"""
