"""metlog_raven, once a package of its own: the raven plugin is a part of heka."""
