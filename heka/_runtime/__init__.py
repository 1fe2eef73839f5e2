"""Process support for every layer: forks, waiting, counters, stderr reports, greenlets."""
