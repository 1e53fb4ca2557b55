"""What each tool does, by the tags of tools.yaml. Uses pipe, store, catalog, media, policy."""
