"""Queries in, views out: ``reader`` for the server process, ``exporting`` and ``inspection`` for commands."""
