"""What each tool does, by the tags of tools.yaml. Uses pipe, store, catalog, media, and what side_login can be asked."""
