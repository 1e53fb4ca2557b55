"""Newsletters ("channels"): their posts, who follows them, and the requests about them.

May use what the service may, and of it GraphQL and the pictures.
"""
