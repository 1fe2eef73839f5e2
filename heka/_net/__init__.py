"""The network: addresses, names, sockets, TLS and transports; no messages."""
