"""Filters of the agent: they get messages, and make others or feed the sums of a StatAccumInput."""
