"""Everything that only one engine understands: how it is opened, what its errors mean, its tables, its search index,
connections that show only what may be read. ``choice`` picks by the whereabouts; nothing of PostgreSQL is loaded where
there is none.
"""
