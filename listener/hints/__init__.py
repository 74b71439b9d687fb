"""Hints over HTTP that something has changed at the source, from stores and from anybody with the token."""
