"""Points in time as users write them on the command line."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Final

_AGO: Final = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|d)")
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}  # seconds
_ISO: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(:\d{2})?(?:\.(\d{1,9}))?)?(Z|[+-]\d{2}:\d{2})?"
)


def parse_moment(text: str, now_ns: int) -> int:
    """Return the time that *text* names, in ns since the epoch.

    Args:
        text: A time before now as ``90s``, ``15m``, ``2h`` or ``1d``; or a date with or without a
            time, ``2026-03-01``, ``2026-03-01T13:02:11.5Z``. Without a zone it is local time.
        now_ns: The present, in ns since the epoch.

    Raises:
        ValueError: *text* is neither; the text says what was expected.
    """
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return now_ns - int(float(ago[1]) * _UNITS[ago[2]] * 1_000_000_000)
    match = _ISO.fullmatch(text)
    try:
        if match is None:
            raise ValueError
        date, minute, second, fraction, zone = match.groups()
        zone_text = "+00:00" if zone == "Z" else zone or ""
        moment = datetime.fromisoformat(f"{date}T{minute or '00:00'}{second or ':00'}{zone_text}")
        whole = (moment.astimezone(timezone.utc) - _EPOCH).days * 86_400
        whole += (moment.astimezone(timezone.utc) - _EPOCH).seconds
    except (ValueError, OverflowError):
        raise ValueError(
            f"expected a time such as 2026-03-01T13:02:11Z, 2026-03-01 or 15m (ago), got {text!r}"
        ) from None
    return whole * 1_000_000_000 + int((fraction or "0").ljust(9, "0"))


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
