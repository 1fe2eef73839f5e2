"""HTTP for outputs: one target, one request at a time, with a deadline for the whole request."""
