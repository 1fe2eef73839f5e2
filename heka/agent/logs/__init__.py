"""Log files: every line that can still be read, once and in order, through rotation and restart."""
