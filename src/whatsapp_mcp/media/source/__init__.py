"""A path, a link or a data URI becomes a private copy on disk; what may be read is judged here. Uses media's ground."""
