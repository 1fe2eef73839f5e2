"""A plain model of both dialects of statsd: what a table must write, slowly and simply."""

from __future__ import annotations

import math
import re
import struct

NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def single(value: float) -> float:
    """Return *value* as a float of 32 bits."""
    return float(struct.unpack("f", struct.pack("f", value))[0])


class Refused(ValueError):
    """A line or a value that is not taken."""


def number(text: str) -> float:
    if not NUMBER.fullmatch(text) or not math.isfinite(float(text)):
        raise Refused(text)
    return float(text)


class Model:
    """Keys to what arrived; counters by key, and so on, each (arrived in this interval, state)."""

    def __init__(
        self, dialect: str, interval: float, percents: tuple[float, ...], delete_idle: bool
    ) -> None:
        self.is_heka = dialect == "heka"
        self.interval = interval
        self.percents = percents
        self.delete_idle = delete_idle
        self.counters: dict[str, float] = {}
        self.gauges: dict[str, float] = {}
        self.timers: dict[str, list[tuple[float, float]]] = {}
        self.sets: dict[str, set[str]] = {}
        self.touched: set[tuple[str, str]] = set()
        self.counts = (0, 0)

    def line(self, line: str) -> None:
        """Take one line of a single value."""
        try:
            self._take(line.strip(" \t"))
        except Refused:
            self.counts = (self.counts[0], self.counts[1] + 1)
        else:
            self.counts = (self.counts[0] + 1, self.counts[1])

    def _key(self, key: str, tags: str) -> str:
        if self.is_heka:
            return key
        key = re.sub(r"[^a-zA-Z_\-0-9.;=]", "", re.sub(r"\s+", "_", key).replace("/", "-"))
        pairs = sorted(
            f";{tag.replace(':', '=')}" if ":" in tag else f";{tag}=true"
            for tag in tags.split(",")
            if tag
        )
        return key + "".join(pairs) if key else ""

    def _take(self, line: str) -> None:
        key, _, rest = line.partition(":")
        value, type_, *more = rest.split("|")
        tags = "".join(section[1:] for section in more if section.startswith("#"))
        rates = [section[1:] for section in more if section.startswith("@")]
        kinds = {"c": "c", "ms": "ms", "g": "g"}
        kinds |= (
            {"h": "c", "m": "c"} if self.is_heka else {"h": "ms", "m": "ms", "d": "ms", "s": "s"}
        )
        kind = kinds.get(type_)
        key = self._key(key, tags)
        if kind is None or not key:
            raise Refused(line)
        rate_text = rates[0] if rates else "1"
        if self.is_heka and rates and tags:
            rate_text = "what hekad reads: the rate up to the end of the line"
        rate = number(rate_text)
        if rate <= 0:
            raise Refused(line)
        if kind == "s":
            members = self.sets.setdefault(key, set())
            self.touched.add((kind, key))
            members.add(value or "0")
            return
        amount = number(value)
        if type_ == "ms" and amount < 0 and not self.is_heka:
            raise Refused(line)
        getattr(self, f"_take_{kind}")(key, value, amount, rate)
        self.touched.add((kind, key))

    def _take_c(self, key: str, text: str, amount: float, rate: float) -> None:
        if self.is_heka:
            amount = math.trunc(single(single(amount) * single(1 / single(rate))))
        else:
            amount /= rate
        self.counters[key] = self.counters.get(key, 0) + amount

    def _take_g(self, key: str, text: str, amount: float, rate: float) -> None:
        is_relative = not self.is_heka and text.startswith(("+", "-"))
        known = ("g", key) in self.touched or not self.delete_idle
        before = self.gauges.get(key, 0.0) if is_relative and known else 0.0
        self.gauges[key] = before + amount

    def _take_ms(self, key: str, text: str, amount: float, rate: float) -> None:
        self.timers.setdefault(key, []).append((amount, rate))

    # ---- the lines -------------------------------------------------------------------------------

    def flush(self) -> dict[str, float]:
        """Return the lines, and begin a new interval."""
        if self.delete_idle:
            for kind, table in (
                *(("c", self.counters), ("g", self.gauges)),
                *(("ms", self.timers), ("s", self.sets)),
            ):
                for key in [key for key in table if (kind, key) not in self.touched]:
                    del table[key]
        out: dict[str, float] = {}
        for key, count in self.counters.items():
            self._put(out, "counters", key, rate=count / self.interval, count=count)
        for key, gauge in self.gauges.items():
            name, tags = self._split(key)
            out[f"stats.gauges.{name}{tags}"] = self._rounded(gauge)
        for key, timings in self.timers.items():
            self._put(out, "timers", key, **self._timer(timings))
        for key, members in self.sets.items():
            self._put(out, "sets", key, count=len(members))
        stats = (self.counters, self.gauges, self.timers, self.sets)
        out["stats.statsd.numStats"] = sum(map(len, stats))
        self.counters = dict.fromkeys(self.counters, 0)
        self.timers = {key: [] for key in self.timers}
        self.sets = {key: set() for key in self.sets}
        self.touched = set()
        return out

    def _split(self, key: str) -> tuple[str, str]:
        name, semicolon, tags = key.partition(";")
        return (key, "") if self.is_heka else (name, semicolon + tags)

    def _rounded(self, value: float) -> float:
        return float(f"{value:.6f}") if self.is_heka else value

    def _put(self, out: dict[str, float], room: str, key: str, **numbers: float) -> None:
        name, tags = self._split(key)
        for suffix, value in numbers.items():
            out[f"stats.{room}.{name}.{suffix}{tags}"] = self._rounded(value)

    def _timer(self, timings: list[tuple[float, float]]) -> dict[str, float]:
        values = sorted(value for value, _ in timings)
        n = len(values)
        count = n if self.is_heka else math.fsum(1 / rate for _, rate in timings)
        numbers = {"count": count, "count_ps": count / self.interval}
        if not values and not self.is_heka:
            return numbers
        total = sum(values)
        numbers |= {
            "lower": min(values, default=0),
            "upper": max(values, default=0),
            "sum": total,
            "mean": total / n if n else 0,
        }
        if not self.is_heka:
            middle = values[n // 2] if n % 2 else (values[n // 2 - 1] + values[n // 2]) / 2
            numbers |= {
                "std": math.sqrt(sum((value - total / n) ** 2 for value in values) / n),
                "median": middle,
                "sum_squares": sum(value * value for value in values),
            }
        for percent in self.percents:
            numbers |= self._threshold(values, percent)
        return numbers

    def _threshold(self, values: list[float], percent: float) -> dict[str, float]:
        n = len(values)
        if n < 2:
            kept = n
        elif self.is_heka:
            kept = n - math.floor((100 - percent) / 100 * n + 0.5)
        else:
            kept = math.floor(percent / 100 * n + 0.5)
        name = f"{percent:g}".replace(".", "_")
        if not kept:
            lowest = values[0] if values else 0
            return {f"mean_{name}": lowest, f"upper_{name}": lowest} if self.is_heka else {}
        head = values[:kept]
        numbers = {f"mean_{name}": sum(head) / kept, f"upper_{name}": head[-1]}
        if not self.is_heka:
            squares = sum(value * value for value in head)
            numbers |= {
                f"count_{name}": kept,
                f"sum_{name}": sum(head),
                f"sum_squares_{name}": squares,
            }
        return numbers
