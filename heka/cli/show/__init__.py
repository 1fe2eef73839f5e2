"""Output of the commands: messages and counters as text."""
