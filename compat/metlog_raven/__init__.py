"""metlog_raven, formerly a separate distribution: the raven plugin is now part of heka."""
