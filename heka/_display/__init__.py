"""A message as text on a terminal, for the commands and for ``to="stdout"``."""
