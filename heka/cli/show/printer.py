"""Print what a receiver got: messages to stdout, notices of the rest to stderr."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import Final, TextIO

from heka._core import json_lines, monotonic
from heka._display.escape import counted, visible
from heka._display.render import render
from heka._display.style import Style
from heka._receiving.receiver import Ended, Event, Received, Rejected
from heka.cli.show.account import reasons, signer_text
from heka.cli.show.filing import MessageFile
from heka.cli.show.jsonlines import json_line
from heka.cli.show.sampling import Budget
from heka.framing import Frame
from heka.matcher import Matcher

_NOTICE_PAUSE: Final = 1.0  # seconds between two notices, so that a flood stays readable
_ENDS: Final = {
    "reset": "{} reset: the sender may have sent more than was received",
    "displaced": "{} closed: idle for the longest time, and a new connection needs its place",
}


class Printer:
    """Writes events as they arrive.

    Args:
        out: For messages, as blocks of text or, with *as_json*, as JSON lines.
        err: For notices of refused frames and discarded bytes, at most one per second; a notice
            includes what was not reported since the last one.
        checked: Whether signatures were verified.
        keys: The (name, version) of each key that they were verified with.
        quiet: Write no messages to *out*.
        file: Gets every message, whatever *out* gets.
        budget: Of *out*: messages for which there is no time are skipped, and that is told. None:
            *out* gets all.
        matcher: Messages that it does not match are neither shown nor put into the file.
    """

    def __init__(
        self,
        out: TextIO,
        out_style: Style,
        err: TextIO,
        err_style: Style,
        *,
        checked: bool,
        keys: Collection[tuple[str, int]] = (),
        as_json: bool = False,
        quiet: bool = False,
        file: MessageFile | None = None,
        budget: Budget | None = None,
        matcher: Matcher | None = None,
    ) -> None:
        self._out, self._out_style = out, out_style
        self._err, self._err_style = err, err_style
        self._checked = checked
        self._keys = keys
        self._as_json = as_json
        self._quiet = quiet
        self._file = file
        self._budget = budget
        self._matcher = matcher
        self.unmatched = 0  # messages that the matcher left out
        self._skipped_at = float("-inf")
        self._refused: Counter[str] = Counter()  # not yet reported
        self._discarded = 0
        self._unreported = 0  # events in these two counters
        self._signer: tuple[str, str, int] | None = None  # the last one of them
        self._reported_at = float("-inf")
        self._ended: Counter[str] = Counter()  # not yet reported
        self._end_told_at = float("-inf")

    def show(self, events: Iterable[Event]) -> None:
        """Write *events* and flush; BrokenPipeError when the reader has closed the pipe.

        Raises:
            FileError: The file cannot be written.
        """
        events = list(events if self._matcher is None else self._matched(events, self._matcher))
        if self._file is not None:
            self._put_in_file(self._file, events)
        if self._budget is not None:
            self._budget.begin()
        text: list[str] = []
        for event in events:
            if isinstance(event, Received):
                text += self._texts(event)
            else:
                self._out.write("".join(text))
                text.clear()
                if isinstance(event, Ended):
                    self._tell_end(event)
                else:
                    self._reject(event)
        self._out.write("".join(text))
        self._out.flush()
        if self._budget is not None:
            self._budget.end()
            self._tell_skipped(self._budget)

    def _matched(self, events: Iterable[Event], matcher: Matcher) -> Iterator[Event]:
        """Yield *events* with the messages that match."""
        for event in events:
            if isinstance(event, Received):
                block = matcher.filter(event.block)
                self.unmatched += len(event.block) - len(block)
                if len(block):
                    yield Received(block, event.origin)
            else:
                yield event

    def close(self) -> None:
        """Tell what was skipped since the last notice, and close the file."""
        if self._budget is not None:
            self._skipped_at = float("-inf")
            self._tell_skipped(self._budget)
        if self._file is not None:
            self._file.close()

    def _put_in_file(self, file: MessageFile, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Received):
                file.write(event.block, event.origin)
        file.flush()

    def show_frames(self, frames: Iterable[tuple[Frame, str]]) -> None:
        """Write *frames*, each with its origin, and flush."""
        self._out.write("".join(self._text(frame, origin) for frame, origin in frames))
        self._out.flush()

    def _texts(self, event: Received) -> Iterable[str]:
        if self._quiet:
            return ()
        if self._budget is not None:
            return self._sample(event, self._budget)
        if self._as_json:
            return [json_lines(event.block, self._checked, event.origin).decode()]
        return (self._text(frame, event.origin) for frame in event.block)

    def _sample(self, event: Received, budget: Budget) -> Iterator[str]:
        """Yield messages while there is time; count the others."""
        if self._as_json and budget.is_left():
            yield json_lines(event.block, self._checked, event.origin).decode()
            return
        for shown, frame in enumerate(event.block):
            if not budget.is_left():
                budget.skipped += len(event.block) - shown
                return
            yield self._text(frame, event.origin)

    def _tell_skipped(self, budget: Budget) -> None:
        now = monotonic()
        if not budget.skipped or now - self._skipped_at < _NOTICE_PAUSE:
            return
        self._skipped_at = now
        kept = "" if self._file is None else f"; all are in {visible(self._file.path)}"
        text = f"{counted(budget.skipped, 'message')} not shown: too many arrive{kept}"
        self._err.write(f"{self._err_style.paint('warn', text)}\n")
        self._err.flush()
        budget.skipped = 0

    def _text(self, frame: Frame, origin: str) -> str:
        if self._as_json:
            return json_line(
                frame.message,
                signer=frame.signer,
                signer_version=frame.signer_version,
                checked=self._checked,
                origin=origin,
            )
        block = render(
            frame.message,
            signer=frame.signer,
            signer_version=frame.signer_version,
            checked=self._checked,
            origin=origin,
            style=self._out_style,
        )
        return block + "\n"

    def _tell_end(self, event: Ended) -> None:
        self._ended[event.why] += 1
        now = monotonic()
        if now - self._end_told_at < _NOTICE_PAUSE:
            return
        self._end_told_at = now
        self._out.flush()
        for why, text in _ENDS.items():
            if count := self._ended[why]:
                which = visible(event.origin) if count == 1 else f"{count:,} connections"
                self._err.write(f"{self._err_style.paint('bad', text.format(which))}\n")
        self._err.flush()
        self._ended.clear()

    def _reject(self, event: Rejected) -> None:
        self._refused += event.refused
        self._discarded += event.discarded_bytes
        self._unreported += 1
        self._signer = event.signer or self._signer
        now = monotonic()
        if now - self._reported_at < _NOTICE_PAUSE:
            return
        self._reported_at = now
        self._out.flush()
        self._err.write(self._rejection(event.origin))
        self._err.flush()
        self._refused.clear()
        self._discarded = self._unreported = 0
        self._signer = None

    def _rejection(self, origin: str) -> str:
        parts = []
        if self._refused.total():
            frames = counted(self._refused.total(), "frame")
            parts.append(f"refused {frames}{reasons(self._refused)}")
        if self._discarded:
            parts.append(f"discarded {counted(self._discarded, 'byte')} outside of any frame")
        source = visible(origin) if self._unreported == 1 else f"several, last {visible(origin)}"
        line = f"{', '.join(parts)} from {source}"
        if self._signer is not None:
            last = "last: " if self._refused.total() > 1 else ""
            line += f"; {last}{signer_text(*self._signer, self._keys)}"
        return f"{self._err_style.paint('bad', line)}\n"
