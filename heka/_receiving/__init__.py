"""Receive blocks of messages from sockets, and count what is refused and discarded."""
