"""Receive messages from sockets, and count what is refused and discarded."""
