"""What the commands write: messages and accounts as text, on terminals and elsewhere."""
