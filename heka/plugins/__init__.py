"""Plugins: methods that a configuration adds to a client."""
