"""HostInput: load, CPU, memory, disks and network of this machine, by psutil.

Each ``ticker_interval`` the numbers become gauges of a StatAccumInput, and one message of Type
``heka.hoststats`` with a field for each. What counts up in the kernel (bytes, operations) is told
as a rate over the time since the last reading.
"""

from __future__ import annotations

import math
import os
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from heka._core import monotonic, pack
from heka.agent.inputs.stat_accum import StatAccumInput, accumulator
from heka.agent.options import option
from heka.exceptions import ConfigError
from heka.framing import BlockReader

if TYPE_CHECKING:
    from heka.agent.graph import Feed

__all__ = ["HostInput", "HostOptions"]

_UNCLEAN: Final = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True)
class HostOptions:
    """Options of ``HostInput``."""

    ticker_interval: float = option(60.0, "seconds", "Seconds from reading to reading.")
    stat_accum_name: str = option(
        "", "text", "Section of a StatAccumInput that gets the numbers as gauges; empty: none does."
    )
    emit_message: bool = option(True, "boolean", "Make a message heka.hoststats of each reading.")
    prefix: str = option("host", "text", "First part of the keys of gauges; the host name follows.")

    def __post_init__(self) -> None:
        """Check the values; ConfigError."""
        if not 0.1 <= self.ticker_interval <= 86_400:
            raise ConfigError(
                f"ticker_interval: expected 0.1 to 86400 seconds, got {self.ticker_interval}"
            )
        if not (self.emit_message or self.stat_accum_name):
            raise ConfigError("emit_message: expected true, as stat_accum_name is not given")


class HostInput:
    """Reads numbers of this machine."""

    Options: ClassVar[type] = HostOptions

    def __init__(self, name: str, options: HostOptions, feed: Feed) -> None:
        """Keep the arguments."""
        self.name = name
        self._options = options
        self._feed = feed
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._reader: HostReader | None = None
        self._counts = {"readings": 0, "failed": 0}

    def start(self) -> None:
        """Begin to read; ConfigError without psutil or without that StatAccumInput."""
        try:
            import psutil
        except ImportError:
            raise ConfigError(f"{self.name} needs psutil: pip install 'heka-py[agent]'") from None
        self._accumulator()
        self._reader = HostReader(psutil)
        self._thread = threading.Thread(target=self._run, name=f"heka {self.name}", daemon=True)
        self._thread.start()

    def stop(self, deadline: float) -> None:
        """Read no more."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(max(0.0, deadline - monotonic()))

    def account(self) -> Mapping[str, object]:
        """Return how often the numbers were read, and how often that failed."""
        return dict(self._counts)

    def _accumulator(self) -> StatAccumInput | None:
        name = self._options.stat_accum_name
        return accumulator(self._feed.world, name, self.name) if name else None

    def _run(self) -> None:
        assert self._reader is not None
        while not self._stopped.wait(self._options.ticker_interval):
            try:
                numbers = self._reader.read()
                accumulator = self._accumulator()
            except (OSError, RuntimeError, ConfigError):
                # A disk that went away while it was read; a section that is being replaced.
                self._counts["failed"] += 1
                continue
            self._counts["readings"] += 1
            if accumulator is not None:
                accumulator.table.feed(self.lines(numbers))
            if self._options.emit_message:
                self._give(numbers)

    def lines(self, numbers: Mapping[str, float]) -> bytes:
        """Return *numbers* as gauges of statsd."""
        host = _UNCLEAN.sub("_", self._feed.world.hostname)
        start = ".".join(part for part in (self._options.prefix, host) if part)
        return "".join(f"{start}.{key}:{value!r}|g\n" for key, value in numbers.items()).encode()

    def _give(self, numbers: Mapping[str, float]) -> None:
        frame = pack(
            "heka.hoststats",
            self.name,
            fields=numbers,
            hostname=self._feed.world.hostname,
            pid=os.getpid(),
            timestamp_ns=time.time_ns(),
        )
        for block in BlockReader().feed(frame):
            self._feed.give(block)


class HostReader:
    """Reads the numbers, and keeps the last counters for their rates."""

    def __init__(self, psutil: Any) -> None:
        """Take the counters as they are now."""
        self._psutil = psutil
        psutil.cpu_percent()  # the next call tells the time since this one
        self._read_at = monotonic()
        self._counters = self._read_counters()

    def read(self) -> dict[str, float]:
        """Return key -> number; rates are a second's, ``percent`` is 0 to 100."""
        psutil = self._psutil
        memory = psutil.virtual_memory()
        swap = psutil.swap_memory()
        numbers = {
            **{f"load.{n}": load for n, load in zip((1, 5, 15), psutil.getloadavg(), strict=True)},
            "cpu.percent": psutil.cpu_percent(),
            "cpu.count": psutil.cpu_count() or 1,
            "memory.total": memory.total,
            "memory.available": memory.available,
            "memory.percent": memory.percent,
            "swap.total": swap.total,
            "swap.used": swap.used,
            "uptime": max(0.0, time.time() - psutil.boot_time()),
            **self._disks(),
            **self._rates(),
        }
        return {key: float(value) for key, value in numbers.items()}

    def _disks(self) -> dict[str, float]:
        numbers = {}
        for part in self._psutil.disk_partitions():
            name = _UNCLEAN.sub("_", part.mountpoint.strip("/")) or "root"
            try:
                usage = self._psutil.disk_usage(part.mountpoint)
            except OSError:
                continue  # not ours to look at, or gone
            numbers[f"disk.{name}.total"] = usage.total
            numbers[f"disk.{name}.free"] = usage.free
            numbers[f"disk.{name}.percent"] = usage.percent
        return numbers

    def _rates(self) -> dict[str, float]:
        now, counters = monotonic(), self._read_counters()
        elapsed = now - self._read_at
        before, self._counters, self._read_at = self._counters, counters, now
        return {
            f"{key}_per_second": (value - before[key]) / elapsed
            for key, value in counters.items()
            if elapsed > 0 and value >= before.get(key, math.inf)  # less: the device is a new one
        }

    def _read_counters(self) -> dict[str, int]:
        disks = self._psutil.disk_io_counters(perdisk=True) or {}
        networks = self._psutil.net_io_counters(pernic=True) or {}
        counters = {}
        for name, disk in disks.items():
            for kind in ("read_bytes", "write_bytes", "read_count", "write_count"):
                counters[f"disk_io.{_UNCLEAN.sub('_', name)}.{kind}"] = getattr(disk, kind)
        for name, network in networks.items():
            for kind in ("bytes_sent", "bytes_recv", "errin", "errout", "dropin", "dropout"):
                counters[f"net.{_UNCLEAN.sub('_', name)}.{kind}"] = getattr(network, kind)
        return counters
