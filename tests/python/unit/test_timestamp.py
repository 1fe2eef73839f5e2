"""The time of a message: seconds, datetimes and nanoseconds, to exactly one int64."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta, timezone, tzinfo
from datetime import time as clock_time
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from python.unit.support import BoomError, Float, Index, boom, ways_of

import heka

UTC = timezone.utc
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
#: With their rules, so that no database of time zones is needed.
NEW_YORK = "EST5EDT,M3.2.0,M11.1.0"
AUCKLAND = "NZST-12NZDT,M9.5.0,M4.1.0/3"
WAYS = ways_of("timestamp")
every_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


@pytest.fixture
def zone(monkeypatch) -> Iterator[Callable[[str], None]]:
    """Sets the local time zone, in POSIX notation, for the test."""

    def set_zone(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield set_zone
    monkeypatch.undo()
    time.tzset()


# ---- now --------------------------------------------------------------------------------------


@every_way
@pytest.mark.parametrize("arguments", [{}, {"timestamp": None}, {"timestamp_ns": None}])
def test_by_default_it_is_now(way, arguments):
    before = time.time_ns()

    now = way(**arguments)

    assert before <= now <= time.time_ns()


# ---- seconds ----------------------------------------------------------------------------------


@every_way
@pytest.mark.parametrize(
    ("seconds", "ns"),
    [
        pytest.param(0, 0, id="zero"),
        pytest.param(1, 10**9, id="int"),
        pytest.param(-1, -(10**9), id="before-the-epoch"),
        pytest.param(1.5, 1_500_000_000, id="float"),
        pytest.param(-0.5, -500_000_000, id="negative-float"),
        pytest.param(1e-10, 0, id="below-a-nanosecond"),
        pytest.param(-1e-10, 0, id="cut-towards-zero"),
        pytest.param(9_000_000_000, 9 * 10**18, id="year-2255"),
        pytest.param(-9223372036.854776, INT64_MIN, id="smallest"),
        pytest.param(9223372036.854774, 9223372036854774784, id="largest-float"),
        pytest.param(Decimal("1.25"), 1_250_000_000, id="Decimal"),
        pytest.param(Fraction(1, 4), 250_000_000, id="Fraction"),
        pytest.param(Index(2), 2 * 10**9, id="__index__"),
        pytest.param(Float(2.5), 2_500_000_000, id="__float__"),
    ],
)
def test_seconds(way, seconds, ns):
    assert way(timestamp=seconds) == ns


@pytest.mark.parametrize(
    "seconds", [1_700_000_000.123456, 1392839042.0, 0.1, 1e9 + 1e-7, 1_700_000_001, 2**33 + 1]
)
def test_seconds_are_multiplied_as_floats(seconds):
    """Exactly as the clients of the family did it: ``int(t * 1e9)``."""
    assert heka.Message(timestamp=seconds).timestamp == int(seconds * 1e9)


@every_way
@pytest.mark.parametrize(
    "seconds",
    [
        pytest.param(float("nan"), id="nan"),
        pytest.param(float("inf"), id="inf"),
        pytest.param(float("-inf"), id="minus-inf"),
        pytest.param(9223372036.854776, id="first-beyond"),
        pytest.param(-9223372036.854778, id="first-below"),
        pytest.param(1e300, id="far-beyond"),
        pytest.param(1_700_000_000_000_000_000, id="nanoseconds-taken-for-seconds"),
        pytest.param(10**400, id="int-beyond-float"),
        pytest.param(-(10**400), id="int-below-float"),
        pytest.param(Fraction(10**400), id="Fraction-beyond-float"),
        pytest.param(Decimal("NaN"), id="Decimal-nan"),
    ],
)
def test_seconds_that_no_int64_of_nanoseconds_holds(way, seconds):
    """Nanoseconds passed as seconds are the usual reason, so the error names what takes them."""
    with pytest.raises(ValueError, match=r"timestamp is in seconds .* timestamp_ns takes nano"):
        way(timestamp=seconds)


@every_way
@pytest.mark.parametrize(
    "value",
    ["1", b"1", date(2020, 1, 1), clock_time(1), timedelta(1), [1], 1j, time.gmtime(0)],
    ids=["str", "bytes", "date", "time", "timedelta", "list", "complex", "struct_time"],
)
def test_what_is_neither_seconds_nor_a_datetime(way, value):
    kind = "datetime." if type(value).__module__ == "datetime" else ""
    with pytest.raises(TypeError) as error:
        way(timestamp=value)

    assert str(error.value).startswith(
        f"timestamp must be seconds (int or float) or datetime, not {kind}"
    )


@pytest.mark.parametrize("value", [Index(act=boom), Float(act=boom)], ids=["index", "float"])
def test_seconds_whose_own_code_raises(value):
    with pytest.raises(BoomError):
        heka.Message(timestamp=value)


def test_numpy_seconds():
    np = pytest.importorskip("numpy")

    assert heka.Message(timestamp=np.float64(1.5)).timestamp == 1_500_000_000
    assert heka.Message(timestamp=np.int64(2)).timestamp == 2_000_000_000


# ---- nanoseconds ------------------------------------------------------------------------------


@every_way
@pytest.mark.parametrize("ns", [0, 1, -1, INT64_MAX, INT64_MIN, 1_700_000_000_123_456_789])
def test_nanoseconds(way, ns):
    assert way(timestamp_ns=ns) == ns


@pytest.mark.parametrize("ns", [INT64_MAX + 1, INT64_MIN - 1, 10**400, Index(2**63)])
def test_nanoseconds_beyond_64_bits(ns):
    with pytest.raises(ValueError, match="timestamp_ns must fit in 64 bits"):
        heka.Message(timestamp_ns=ns)


@pytest.mark.parametrize("value", [1.0, "1", EPOCH, Decimal(1)])
def test_nanoseconds_are_an_int(value):
    with pytest.raises(TypeError, match="timestamp_ns must be int, not"):
        heka.Message(timestamp_ns=value)


@every_way
@pytest.mark.parametrize("seconds", [0, 1.5, EPOCH])
def test_both_given(way, seconds):
    with pytest.raises(ValueError, match=r"timestamp .* and timestamp_ns were both given"):
        way(timestamp=seconds, timestamp_ns=0)


# ---- datetimes --------------------------------------------------------------------------------


@every_way
@pytest.mark.parametrize(
    ("when", "ns"),
    [
        pytest.param(EPOCH, 0, id="epoch"),
        pytest.param(datetime(2020, 1, 1, tzinfo=UTC), 1_577_836_800 * 10**9, id="2020"),
        pytest.param(
            datetime(2020, 1, 1, tzinfo=timezone(timedelta(hours=5, minutes=30))),
            1_577_817_000 * 10**9,
            id="with-an-offset",
        ),
        pytest.param(
            datetime(2033, 5, 18, 3, 33, 20, 999_999, tzinfo=UTC),
            2_000_000_000_999_999_000,
            id="microseconds",
        ),
        pytest.param(datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), -1000, id="negative"),
        pytest.param(
            datetime(2262, 4, 11, 23, 47, 16, 854_775, tzinfo=UTC),
            9_223_372_036_854_775_000,
            id="latest",
        ),
        pytest.param(
            datetime(1677, 9, 21, 0, 12, 43, 145_225, tzinfo=UTC),
            -9_223_372_036_854_775_000,
            id="earliest",
        ),
    ],
)
def test_aware_datetimes(way, when, ns):
    assert way(timestamp=when) == ns


@pytest.mark.parametrize("us", [1, 123_456, 123_457, 999_999])
def test_every_microsecond_is_kept(us):
    """As floats, two of three such times are off by some hundred nanoseconds."""
    when = datetime(2024, 2, 29, 12, 30, 59, us, tzinfo=UTC)

    assert heka.Message(timestamp=when).timestamp == 1_709_209_859 * 10**9 + us * 1000


@pytest.mark.parametrize(
    "when",
    [
        pytest.param(datetime(2262, 4, 11, 23, 47, 16, 854_776, tzinfo=UTC), id="first-beyond"),
        pytest.param(datetime(1677, 9, 21, 0, 12, 43, 145_224, tzinfo=UTC), id="first-below"),
        pytest.param(datetime.max.replace(tzinfo=UTC), id="year-9999"),
        pytest.param(datetime.min.replace(tzinfo=UTC), id="year-1"),
        pytest.param(datetime.max.replace(tzinfo=timezone(timedelta(hours=-23))), id="behind-9999"),
        pytest.param(datetime.min.replace(tzinfo=timezone(timedelta(hours=23))), id="before-1"),
    ],
)
def test_datetimes_that_no_int64_of_nanoseconds_holds(when):
    with pytest.raises(ValueError, match="timestamp must fit in 64 bits of nanoseconds"):
        heka.Message(timestamp=when)


@pytest.mark.parametrize("name", ["UTC0", NEW_YORK, "JST-9"])
@pytest.mark.parametrize("when", [datetime.max, datetime.min], ids=["max", "min"])
def test_naive_datetimes_at_the_ends_of_the_calendar(zone, name, when):
    """A ValueError in every time zone, where datetime itself may raise OverflowError."""
    zone(name)

    with pytest.raises(
        ValueError, match=r"timestamp must fit in 64|year .* out of range|year must be in"
    ):
        heka.Message(timestamp=when)


@every_way
def test_naive_datetimes_are_local_time(zone, way):
    zone(NEW_YORK)

    assert way(timestamp=datetime(2020, 1, 1)) == (1_577_836_800 + 5 * 3600) * 10**9
    assert way(timestamp=datetime(2020, 7, 1)) == (1_593_561_600 + 4 * 3600) * 10**9


def test_a_naive_datetime_is_what_timestamp_says(zone):
    zone(AUCKLAND)
    when = datetime(2021, 3, 4, 5, 6, 7, 250_000)

    assert heka.Message(timestamp=when).timestamp == int(when.timestamp() * 4) * 250_000_000


def test_the_hour_that_comes_twice_is_told_by_fold(zone):
    zone(NEW_YORK)
    when = datetime(2020, 11, 1, 1, 30)
    first = heka.Message(timestamp=when).timestamp
    second = heka.Message(timestamp=when.replace(fold=1)).timestamp

    assert second - first == 3600 * 10**9


class When(datetime):
    """A datetime of a subclass, as pandas and pendulum have."""


def test_datetime_subclasses():
    when = When(2020, 1, 1, 0, 0, 0, 5, tzinfo=UTC)

    assert heka.Message(timestamp=when).timestamp == 1_577_836_800_000_005_000


class RaisingZone(tzinfo):
    def utcoffset(self, when: datetime | None) -> timedelta:
        return boom()


class Difference:
    """An object that is not a timedelta."""

    days = 10**12
    seconds = 0
    microseconds = 0


class Strange(datetime):
    """A datetime whose difference to the epoch is arbitrary."""

    answer: Any = None

    def astimezone(self, tz: tzinfo | None = None) -> Any:
        return self

    def __sub__(self, other: object) -> Any:
        return self.answer


def test_a_zone_that_raises():
    with pytest.raises(BoomError):
        heka.Message(timestamp=datetime(2020, 1, 1, tzinfo=RaisingZone()))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        pytest.param(Difference(), ValueError, id="too-many-days"),
        pytest.param(None, AttributeError, id="no-difference"),
    ],
)
def test_a_datetime_that_is_off_the_calendar(answer, kind):
    when = Strange(2020, 1, 1)
    when.answer = answer

    with pytest.raises(kind):
        heka.Message(timestamp=when)
