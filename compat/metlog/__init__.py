"""metlog, the first name of heka-py: every module is that of heka under its old name."""

import warnings

warnings.warn(
    "metlog is heka now: write 'heka' where you import 'metlog', HekaClient for MetlogClient",
    DeprecationWarning,
    stacklevel=2,
)
