"""What every layer needs of the process: forks, waiting, accounts, words on stderr, greenlets."""
