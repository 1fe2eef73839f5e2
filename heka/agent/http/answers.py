"""What the answer of a store means for the block that was posted."""

from __future__ import annotations

import email.utils
import time
from typing import Final

from heka._delivery.outlets import LaterError
from heka.agent.http.target import Answer, Target
from heka.agent.outputs.blocks import TooLargeError

__all__ = ["check", "excerpt"]

#: Seconds of Retry-After that are waited, at most.
_LATER_MAX: Final = 300.0
_EXCERPT_MAX: Final = 200
#: The block is wrong, or one message of it is.
_REFUSALS: Final = {400: "bad-request", 413: "too-large", 422: "unprocessable"}


def check(target: Target, answer: Answer, expected: str) -> None:
    """Return when *answer* says that the block was taken.

    Args:
        target: Of the request.
        answer: To it.
        expected: Media type of an answer that means success; empty: any.

    Raises:
        TooLargeError: Smaller blocks, or some messages of this one, may be taken: 400, 413, 422.
        OSError: The block is to be sent again later: all other answers, a redirect and a page of
            HTML too. The configuration or the store has to be mended first, or it is busy.
    """
    status = answer.status
    if 200 <= status < 300 and (not expected or not answer.body or answer.kind == expected):
        return
    said = excerpt(answer)
    if status in _REFUSALS:
        raise TooLargeError(_REFUSALS[status], f"{target.name} answered {status}{said}")
    if 200 <= status < 300:
        raise OSError(f"{target.name}: expected an answer of {expected}, got {answer.kind}{said}")
    text = f"{target.name} answered {status}{said}"
    if status in (301, 302, 303, 307, 308):
        text += "; redirects are not followed: set url to where it leads"
    elif status in (401, 403):
        text += "; set headers or user and password"
    elif status == 404:
        text += "; look at the path of url"
    if status in (429, 503) and answer.retry_after:
        raise LaterError(_seconds(answer.retry_after), text)
    raise OSError(text)


def excerpt(answer: Answer) -> str:
    """Return the begin of a text that the store sent, for an error text."""
    is_text = answer.kind in ("", "application/json") or answer.kind.startswith("text/")
    if not answer.body or not is_text:
        return ""
    text = " ".join(answer.body[: 4 * _EXCERPT_MAX].decode(errors="replace").split())
    shown = "".join(each if each.isprintable() else "?" for each in text[:_EXCERPT_MAX])
    return f" ({shown})"


def _seconds(text: str) -> float:
    """Return the seconds of a Retry-After, which may be a date; 0 when it is neither."""
    if text.isdecimal():
        seconds = float(text[:9])
    else:
        try:
            seconds = email.utils.parsedate_to_datetime(text).timestamp() - time.time()
        except (ValueError, OverflowError):
            return 0.0
    return min(max(seconds, 0.0), _LATER_MAX)
