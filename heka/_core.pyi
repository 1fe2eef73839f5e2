"""Types of the C extension ``heka._core``; its docstrings are in C."""

from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from datetime import datetime
from os import PathLike
from types import MappingProxyType
from typing import (
    Any,
    ClassVar,
    Final,
    Literal,
    SupportsIndex,
    TypeVar,
    final,
    overload,
    type_check_only,
)
from uuid import UUID

from typing_extensions import Buffer, Self, disjoint_base

from heka._core_types import Clause as Clause
from heka._core_types import NoTimer as NoTimer
from heka._core_types import StatTable as StatTable
from heka._typing import FieldValue, TimerContext

_Function = TypeVar("_Function", bound=Callable[..., Any])

MESSAGE_MAX: Final = 65536
HEADER_MAX: Final = 255
FRAME_MAX: Final = 65794
UUID_SIZE: Final = 16
IN_MAIN_INTERPRETER: Final[bool]

class HekaError(Exception): ...
class EncodeError(HekaError, ValueError): ...
class FieldError(EncodeError, TypeError): ...

class DecodeError(HekaError, ValueError):
    offset: int

class SignatureError(DecodeError): ...
class ConfigError(HekaError, ValueError): ...

class MatcherError(ConfigError):
    column: int

@final
class Field(list[Any]):
    STRING: ClassVar[int]
    BYTES: ClassVar[int]
    INTEGER: ClassVar[int]
    DOUBLE: ClassVar[int]
    BOOL: ClassVar[int]
    representation: str
    value_type: int | None
    def __init__(
        self, values: object, representation: str = "", value_type: int | None = None
    ) -> None: ...

@final
class Message:
    type: str
    logger: str
    payload: str
    env_version: str
    hostname: str
    @property
    def severity(self) -> int: ...
    @severity.setter
    def severity(self, value: SupportsIndex, /) -> None: ...
    @property
    def pid(self) -> int: ...
    @pid.setter
    def pid(self, value: SupportsIndex, /) -> None: ...
    @property
    def timestamp(self) -> int: ...
    @timestamp.setter
    def timestamp(self, value: SupportsIndex, /) -> None: ...
    @property
    def uuid(self) -> bytes: ...
    @uuid.setter
    def uuid(self, value: bytes | UUID | str, /) -> None: ...
    @property
    def fields(self) -> dict[str, Any]: ...
    @fields.setter
    def fields(self, value: Mapping[str, Any] | None, /) -> None: ...
    def __new__(
        cls,
        type: str = "",
        logger: str = "",
        severity: SupportsIndex = 7,
        fields: Mapping[str, Any] | None = None,
        payload: str = "",
        env_version: str = "0.8",
        pid: SupportsIndex | None = None,
        hostname: str | None = None,
        timestamp: float | datetime | None = None,
        uuid: bytes | UUID | str | None = None,
        *,
        timestamp_ns: SupportsIndex | None = None,
    ) -> Self: ...
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]  # as typeshed does for list
    def encode(self) -> bytes: ...
    @classmethod
    def decode(cls, data: Buffer, /) -> Message: ...
    def __copy__(self) -> Message: ...
    def __deepcopy__(self, memo: Any, /) -> Message: ...

@final
class SignerConfig:
    @property
    def name(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def key(self) -> bytes: ...
    @property
    def hash(self) -> Literal["sha1", "md5"]: ...
    def __new__(cls, name: str, version: SupportsIndex, key: str | Buffer, hash: str) -> Self: ...
    def sign(self, data: Buffer, /) -> bytes: ...
    def verify(self, data: Buffer, digest: Buffer, /) -> None: ...

@final
class Frame:
    @property
    def payload(self) -> bytes: ...
    @property
    def message(self) -> Message: ...
    @property
    def signer(self) -> str | None: ...
    @property
    def signer_version(self) -> int | None: ...

@type_check_only
class _Reader:
    @property
    def discarded_bytes(self) -> int: ...
    @property
    def delivered_bytes(self) -> int: ...
    @property
    def refused(self) -> dict[str, int]: ...
    @property
    def last_refused(self) -> tuple[str, str, int] | None: ...
    @property
    def refused_bytes(self) -> int: ...
    @property
    def pending_bytes(self) -> int: ...
    @property
    def tail_bytes(self) -> int: ...
    def __new__(
        cls,
        max_message_size: SupportsIndex = 65536,
        signers: Mapping[tuple[str, int], str | Buffer] | None = None,
        require_signature: bool = False,
    ) -> Self: ...
    def close(self) -> None: ...

@final
class StreamReader(_Reader):
    def feed(self, chunk: Buffer, /) -> list[Frame]: ...

@final
class Block:
    @property
    def nbytes(self) -> int: ...
    @property
    def signer(self) -> str | None: ...
    @property
    def signer_version(self) -> int | None: ...
    def __len__(self) -> int: ...
    @overload
    def __getitem__(self, index: SupportsIndex, /) -> Frame: ...
    @overload
    def __getitem__(self, index: slice[Any, Any, None], /) -> Block: ...
    def __iter__(self) -> Iterator[Frame]: ...
    def between(self, since: int | None, until: int | None, /) -> Block: ...
    @overload
    def column(self, name: Literal["type", "logger", "hostname", "payload"], /) -> list[str]: ...
    @overload
    def column(self, name: Literal["severity", "timestamp", "size"], /) -> list[int]: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...

@final
class BlockReader(_Reader):
    def feed(self, chunk: Buffer, /) -> list[Block]: ...

@final
class Matcher:
    def __new__(cls, text: str, dialect: str = "heka") -> Self: ...
    @property
    def text(self) -> str: ...
    @property
    def dialect(self) -> str: ...
    @property
    def clauses(self) -> tuple[Clause, ...]: ...
    @property
    def limits(self) -> dict[str, int]: ...
    def matches(self, message: Message | Frame | Buffer, /) -> bool: ...
    def explain(self, message: Message | Frame | Buffer, /) -> tuple[Clause, ...]: ...
    def filter(self, block: Block, /) -> Block: ...
    def count(self, block: Block, /) -> int: ...

@final
class Regex:
    def __new__(cls, text: str) -> Self: ...
    @property
    def groups(self) -> tuple[str, ...]: ...
    def captures(self, block: Block, /) -> tuple[list[tuple[str | None, ...] | None], int]: ...

def pack(
    type: str = "",
    logger: str = "",
    severity: SupportsIndex = 7,
    fields: Mapping[str, Any] | None = None,
    payload: str = "",
    env_version: str = "0.8",
    pid: SupportsIndex | None = None,
    hostname: str | None = None,
    timestamp: float | datetime | None = None,
    uuid: bytes | UUID | str | None = None,
    *,
    timestamp_ns: SupportsIndex | None = None,
    signer: SignerConfig | None = None,
) -> bytes: ...
def frame(payload: Buffer, signer_config: SignerConfig | None = None) -> bytes: ...
def check_frame(data: Buffer, /) -> None: ...
def lock_file(path: str | bytes | PathLike[str], /) -> int: ...
def unlock_file(fd: SupportsIndex, /) -> bool: ...

@final
class Sink:
    """One destination as C sees it: a connected descriptor, or a call to Python."""

    max_frame: int
    on_drop: Callable[[str], Any] | None
    framed: bool
    udp: bool
    refresh: float
    @property
    def refused(self) -> int: ...
    @property
    def attached(self) -> bool: ...
    @property
    def busy(self) -> bool: ...
    @property
    def torn(self) -> bool: ...
    @property
    def hung_up(self) -> bool: ...
    @property
    def closed(self) -> bool: ...
    @property
    def pending(self) -> int: ...
    def __new__(cls, deliver: Callable[[bytes, int, float, int], bool | str]) -> Self: ...
    @staticmethod
    def has_hung_up(fd: SupportsIndex, /) -> bool: ...
    def acquire(self, ticket: int = 0) -> int: ...
    def release(self, ticket: int, fd: SupportsIndex = -1, datagram: bool = False) -> bool: ...
    def reset(self) -> None: ...
    def close(self) -> None: ...
    def check_refused(self) -> None: ...
    def count_refused(self) -> None: ...
    def keep(self) -> bool: ...
    def attach_stream(
        self,
        stream: object,
        failed: Callable[[Exception], str],
        *,
        wait: Callable[[Any, float], bool] | None = None,
        weak: bool = False,
        flushes: bool = True,
    ) -> None: ...
    def attach_ring(self, ring: Ring | None, /) -> None: ...
    def discard(self) -> None: ...
    def write_object(self, data: object, timeout: float = 1.0, /) -> bool: ...
    def finish(self, timeout: float, /) -> bool: ...
    def drop(self, reason: str, /) -> None: ...
    def write(self, frame: Buffer, timeout: float, /) -> bool: ...
    def counts(self) -> dict[str, Any]: ...

@final
class Ring:
    """A bounded queue of whole frames, in memory or on disk."""

    overflow: str
    block_timeout: float
    start: Callable[[], object] | None
    pause: Callable[[float], object] | None
    full_error: type[BaseException]
    refuses: bool
    @property
    def refused(self) -> int: ...
    @property
    def disk_failure(self) -> int: ...
    @property
    def queued_bytes(self) -> int: ...
    @property
    def has_consumer(self) -> bool: ...
    @property
    def interrupted(self) -> bool: ...
    @property
    def capacity(self) -> int: ...
    @property
    def max_frame(self) -> int: ...
    def __new__(
        cls,
        capacity: SupportsIndex,
        max_frame: SupportsIndex = ...,
        window: SupportsIndex = 114688,
        directory: str | bytes | PathLike[str] | None = None,
        *,
        mapped: bool = True,
        segment: SupportsIndex = 0,
        min_free: SupportsIndex = 0,
        lazy: bool = False,
    ) -> Self: ...
    def put(self, frame: Buffer, /) -> bool: ...
    def put_block(self, block: Block, *, drop_old: bool = False) -> bool: ...
    def wait_room(self, bytes: SupportsIndex, timeout: float) -> bool: ...
    def refuse(self, reason: str, count: SupportsIndex = 1) -> None: ...
    def flush(self, timeout: float, /) -> bool: ...
    def wait(
        self, bytes: SupportsIndex, timeout: float
    ) -> Literal["ready", "woken", "drained"]: ...
    def take(self, most: SupportsIndex, /) -> bytes: ...
    def acknowledge(self, outstanding: SupportsIndex = 0, *, rejected: int = 0) -> int: ...
    def oldest(self) -> bytes: ...
    def rewind(self, unsent: SupportsIndex = 0) -> None: ...
    def drop_in_flight(self, reason: str, /) -> int: ...
    def drop_all(self, reason: str, /) -> int: ...
    def pump(
        self,
        fd: SupportsIndex,
        datagram: SupportsIndex,
        linger: float,
        write_timeout: float,
        idle: float,
    ) -> tuple[Literal["tick", "interrupted", "drained", "closed", "failed"], int, int]: ...
    @staticmethod
    def outstanding(fd: SupportsIndex, /) -> int: ...
    def sleep(self, seconds: float, /) -> bool: ...
    def interrupt(self) -> None: ...
    def clear_interrupt(self) -> None: ...
    def set_consumer(self) -> None: ...
    def clear_consumer(self) -> None: ...
    def close(self) -> None: ...
    def after_fork(self) -> None: ...
    def sync(self) -> None: ...
    def stats(self) -> dict[str, Any]: ...
    def count(self) -> int: ...

@disjoint_base
class Settings:
    """Defaults for arguments that a log call does not give."""

    logger: str
    signer: SignerConfig | None
    oversize: str
    bad_values: str
    default: Callable[[Any], Any] | None
    timeout: float
    @property
    def altered(self) -> int: ...
    @property
    def _filtered(self) -> int: ...
    def _count_filtered(self) -> bool: ...
    def _reset_filtered(self) -> None: ...

@final
class Emitter(Settings):
    """``log``, ``incr`` and ``gauge`` with their defaults, such as the default destination."""

    to: object
    @property
    def level(self) -> int: ...
    @level.setter
    def level(self, value: SupportsIndex | str, /) -> None: ...
    capture: Callable[[bytes], Any] | None
    def __new__(cls, open: Callable[[object], Sink]) -> Self: ...
    def log(
        self,
        type: str,
        logger: str | None = None,
        severity: SupportsIndex | str = 6,
        fields: Mapping[str, FieldValue] | None = None,
        payload: str = "",
        *,
        to: object = None,
        signer: SignerConfig | None = None,
        timestamp: float | datetime | None = None,
        timestamp_ns: SupportsIndex | None = None,
        uuid: bytes | UUID | str | None = None,
        bad_values: Literal["convert", "repr", "raise"] | None = None,
        default: Callable[[Any], Any] | None = None,
        oversize: Literal["truncate", "drop", "raise"] | None = None,
        timeout: float | None = None,
    ) -> bool: ...
    def incr(
        self,
        name: str,
        count: object = 1,
        logger: str | None = None,
        severity: SupportsIndex | str | None = None,
        fields: Mapping[str, FieldValue] | None = None,
        rate: float = 1.0,
        *,
        bad_values: Literal["raise", "repr", "convert"] | None = None,
        to: object = None,
    ) -> bool: ...
    def gauge(
        self,
        name: str,
        value: object,
        logger: str | None = None,
        severity: SupportsIndex | str | None = None,
        fields: Mapping[str, FieldValue] | None = None,
        rate: float = 1.0,
        *,
        bad_values: Literal["raise", "repr", "convert"] | None = None,
        to: object = None,
    ) -> bool: ...
    def timer_send(
        self,
        name: str,
        elapsed: object,
        logger: str | None = None,
        severity: SupportsIndex | str | None = None,
        fields: Mapping[str, FieldValue] | None = None,
        rate: float = 1.0,
        *,
        bad_values: Literal["raise", "repr", "convert"] | None = None,
        to: object = None,
    ) -> bool: ...
    def admits(self, type: str, severity: SupportsIndex | str) -> bool: ...
    def forget(self) -> None: ...

@disjoint_base
class Client(Settings):
    """Base class of heka.client.HekaClient: its calls that must be fast."""

    @property
    def severity(self) -> int: ...
    @severity.setter
    def severity(self, value: SupportsIndex | str, /) -> None: ...
    sink: Sink | None
    filters: list[Callable[[Message], object]]
    _disabled_timers: set[str]
    _noop_timer: Any
    @property
    def _is_inactive(self) -> bool: ...
    @property
    def _is_captured(self) -> bool: ...
    def heka(
        self,
        type: str,
        logger: str | None = None,
        severity: SupportsIndex | str | None = None,
        payload: str = "",
        fields: Mapping[str, FieldValue] | None = None,
        timestamp: float | datetime | None = None,
        *,
        timestamp_ns: SupportsIndex | None = None,
        uuid: bytes | UUID | str | None = None,
        bad_values: Literal["convert", "repr", "raise"] | None = None,
    ) -> bool: ...
    metlog = heka
    def incr(
        self,
        name: str,
        count: object = 1,
        logger: str | None = None,
        severity: SupportsIndex | str | None = None,
        fields: Mapping[str, FieldValue] | None = None,
        rate: float = 1.0,
        *,
        bad_values: Literal["convert", "repr", "raise"] | None = None,
    ) -> bool: ...
    def gauge(
        self,
        name: str,
        value: object,
        logger: str | None = None,
        severity: SupportsIndex | str | None = None,
        fields: Mapping[str, FieldValue] | None = None,
        rate: float = 1.0,
        *,
        bad_values: Literal["convert", "repr", "raise"] | None = None,
    ) -> bool: ...
    def timer_send(
        self,
        name: str,
        elapsed: object,
        logger: str | None = None,
        severity: SupportsIndex | str | None = None,
        fields: Mapping[str, FieldValue] | None = None,
        rate: float = 1.0,
        *,
        bad_values: Literal["convert", "repr", "raise"] | None = None,
    ) -> bool: ...
    def timer(
        self,
        name: str,
        logger: str | None = None,
        severity: SupportsIndex | str | None = None,
        fields: Mapping[str, FieldValue] | None = None,
        rate: float = 1.0,
    ) -> TimerContext: ...
    def admits(self, type: str, severity: SupportsIndex | str) -> bool: ...
    def _send(self, msg: Message, /) -> bool: ...
    def _set_plan(
        self,
        planned: tuple[Callable[[Message], object], ...],
        threshold: int,
        blocked: frozenset[str] | None,
        allowed: frozenset[str] | None,
        levels: dict[str, int] | None,
        predicates: tuple[Callable[[str, int], object], ...] | None,
        deliver: Callable[[Message], object] | None,
        stateful: int = 0,
        matchers: tuple[Matcher, ...] | None = None,
        /,
    ) -> None: ...
    def _take_unsent(self) -> int: ...
    def _replan(self) -> None: ...

@final
class Bound:
    """Fields that a context adds to every message, encoded once."""

    @property
    def fields(self) -> dict[str, Any]: ...
    def __new__(cls, fields: dict[str, Any]) -> Self: ...

context_var: ContextVar[Bound]
severities: MappingProxyType[str, int]
SEVERITY_CHOICES: str

def capture_clients(find: Callable[[Any], Callable[[bytes], object] | None] | None, /) -> None: ...
def encode_raw(
    uuid: bytes | UUID | str,
    timestamp_ns: SupportsIndex,
    severity: SupportsIndex,
    pid: SupportsIndex,
    texts: tuple[str, str, str, str, str],
    fields: list[tuple[str, str, int, list[Any]]],
    /,
) -> bytes: ...
@overload
def json_line(
    message: Buffer,
    checked: bool = ...,
    signer: str | None = ...,
    signer_version: int | None = ...,
    origin: str = ...,
    /,
) -> str: ...
@overload
def json_line(
    message: Message,
    checked: bool = ...,
    signer: str | None = ...,
    signer_version: int | None = ...,
    origin: str = ...,
    /,
) -> str | None: ...
def carbon_lines(
    block: Block, tags: Buffer, most_lines: SupportsIndex, most_bytes: SupportsIndex, /
) -> tuple[list[bytes], tuple[int, int, int, int]]: ...
def csv_lines(block: Block, columns: tuple[str, ...], /) -> bytes: ...
def json_lines(block: Block, checked: bool = ..., origin: str = ..., /) -> bytes: ...
def watch_directory(fd: SupportsIndex, path: str | bytes, /) -> tuple[int, int]: ...
def line_frames(
    data: Buffer,
    place: tuple[int, int, bool],
    parts: tuple[bytes, bytes, bytes],
    limits: tuple[int, int, int],
    now: SupportsIndex,
    /,
) -> tuple[bytes, int, bool, tuple[int, int, int, int]]: ...
def otlp_logs(block: Block, resource: Buffer, now: SupportsIndex, /) -> bytes: ...
def libraries() -> dict[str, str]: ...
def monotonic() -> float: ...
def nearest(
    name: object, known: list[str] | tuple[str, ...], most: SupportsIndex = 64, /
) -> str | None: ...
def mark_own_thread(own: object, /) -> bool: ...
def set_converter(
    load: Callable[[], tuple[Callable[[Any], Any], Callable[[Any], str]] | None] | None, /
) -> None: ...
def set_sources(
    clock: Callable[[], int] | None = None, uuid: Callable[[], bytes | UUID] | None = None
) -> None: ...
