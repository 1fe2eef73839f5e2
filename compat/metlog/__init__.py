"""metlog, the first name of heka-py: each module re-exports that of heka under the old names."""

import warnings

warnings.warn(
    "metlog is deprecated: import 'heka' instead of 'metlog', HekaClient instead of MetlogClient",
    DeprecationWarning,
    stacklevel=2,
)
