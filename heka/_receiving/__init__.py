"""Receiving: sockets in, messages out, an account of the rest."""
