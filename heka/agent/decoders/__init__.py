"""Decoders: turn the text of a message into its fields. The work is done in C, block by block."""
