"""Addresses, name resolution, sockets, TLS and transports. Knows no messages."""
