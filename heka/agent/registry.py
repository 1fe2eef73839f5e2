"""Which class is meant by a type: the built-in ones, and those that packages offer.

Only what a configuration names is imported. A package offers a plugin by an entry point of the
group ``heka.agent``, whose name is the type.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Mapping
from typing import Any, Final

from heka._core import nearest
from heka.exceptions import ConfigError

__all__ = [
    "BUILT_IN",
    "ELSEWHERE",
    "GROUP",
    "KINDS",
    "NATIVE",
    "kind_of",
    "native",
    "options_by_name",
    "plugin_class",
]

#: Characters of a type that an error text quotes.
_SHOWN_MAX: Final = 100
#: Group of the entry points.
GROUP: Final = "heka.agent"
#: The kinds of sections; the name of a type ends in its kind.
KINDS: Final = ("Input", "Splitter", "Decoder", "Filter", "Encoder", "Output")

BUILT_IN: Final = {
    "TcpInput": "heka.agent.inputs.network:TcpInput",
    "UdpInput": "heka.agent.inputs.network:UdpInput",
    "StatsdInput": "heka.agent.inputs.statsd:StatsdInput",
    "StatAccumInput": "heka.agent.inputs.stat_accum:StatAccumInput",
    "HostInput": "heka.agent.inputs.host:HostInput",
    "LogstreamerInput": "heka.agent.inputs.logstreamer:LogstreamerInput",
    "ProcessInput": "heka.agent.inputs.process:ProcessInput",
    "CounterFilter": "heka.agent.filters.counter:CounterFilter",
    "HeartbeatFilter": "heka.agent.filters.heartbeat:HeartbeatFilter",
    "SampleFilter": "heka.agent.filters.sample:SampleFilter",
    "StatFilter": "heka.agent.filters.stat:StatFilter",
    "ThresholdFilter": "heka.agent.filters.threshold:ThresholdFilter",
    "ThrottleFilter": "heka.agent.filters.throttle:ThrottleFilter",
    "UniqueItemsFilter": "heka.agent.filters.unique:UniqueItemsFilter",
    "TcpOutput": "heka.agent.outputs.sockets:TcpOutput",
    "UdpOutput": "heka.agent.outputs.sockets:UdpOutput",
    "FileOutput": "heka.agent.outputs.files:FileOutput",
    "LogOutput": "heka.agent.outputs.files:LogOutput",
    "AlertmanagerOutput": "heka.agent.outputs.alertmanager:AlertmanagerOutput",
    "CarbonOutput": "heka.agent.outputs.carbon:CarbonOutput",
    "CassandraOutput": "heka.agent.outputs.cassandra:CassandraOutput",
    "ElasticSearchOutput": "heka.agent.outputs.elasticsearch:ElasticSearchOutput",
    "LokiOutput": "heka.agent.outputs.loki:LokiOutput",
    "NagiosOutput": "heka.agent.outputs.nagios:NagiosOutput",
    "OtlpOutput": "heka.agent.outputs.otlp:OtlpOutput",
    "ProtobufEncoder": "heka.agent.outputs.encoders:ProtobufEncoder",
    "PayloadEncoder": "heka.agent.outputs.encoders:PayloadEncoder",
    "JsonEncoder": "heka.agent.outputs.encoders:JsonEncoder",
    "HekaFramingSplitter": "heka.agent.inputs.splitters:HekaFramingSplitter",
    "NullSplitter": "heka.agent.inputs.splitters:NullSplitter",
    "TokenSplitter": "heka.agent.inputs.splitters:TokenSplitter",
    "ApacheAccessDecoder": "heka.agent.decoders.access:ApacheAccessDecoder",
    "JsonDecoder": "heka.agent.decoders.json:JsonDecoder",
    "MultiDecoder": "heka.agent.decoders.multi:MultiDecoder",
    "NginxAccessDecoder": "heka.agent.decoders.access:NginxAccessDecoder",
    "PayloadRegexDecoder": "heka.agent.decoders.regex:PayloadRegexDecoder",
    "ProtobufDecoder": "heka.agent.inputs.splitters:ProtobufDecoder",
}
#: What hekad has and this agent has not, with what to do instead.
ELSEWHERE: Final = {
    **dict.fromkeys(
        ("AMQPInput", "AMQPOutput", "KafkaInput", "KafkaOutput"),
        "let a bridge such as Vector connect it with the broker",
    ),
    **dict.fromkeys(
        ("DockerEventInput", "DockerLogInput", "DockerStatsInput"),
        "let containers send to TcpInput, UdpInput or StatsdInput",
    ),
    **dict.fromkeys(
        ("HttpOutput", "InfluxdbOutput", "SmtpOutput"),
        "forward the messages by TcpOutput to a program that delivers them",
    ),
    **dict.fromkeys(("LogfileInput", "LogfileDirectoryManagerInput"), "use LogstreamerInput"),
    **dict.fromkeys(
        (
            *("GeoIpDecoder", "PayloadXmlDecoder"),
            *("ScribbleDecoder", "StatsToFieldsDecoder"),
        ),
        "messages are forwarded as they came; decode them where they are read",
    ),
    **dict.fromkeys(("PatternGroupingSplitter", "RegexSplitter"), "use TokenSplitter"),
    **dict.fromkeys(("ESJsonEncoder", "ESLogstashV0Encoder"), "ElasticSearchOutput needs none"),
    "PayloadJsonDecoder": "use JsonDecoder",
    "RstEncoder": "use JsonEncoder",
    "DashboardOutput": "use 'heka agent status'",
    "FilePollingInput": "let a ProcessInput run cat",
    "HttpInput": "let a ProcessInput run curl",
    "HttpListenInput": "send to TcpInput",
    "IrcOutput": "use a program that reads 'heka tap'",
    "WhisperOutput": "send to carbon, which owns those files",
}
#: Which extra of this distribution installs a package that a plugin needs; else it is ``agent``.
EXTRAS: Final = {"cassandra": "cassandra", "confluent_kafka": "kafka"}
#: Decoders that come with hekad as Lua programs, and the type that does the same here.
NATIVE: Final = {
    "apache_access.lua": "ApacheAccessDecoder",
    "json.lua": "JsonDecoder",
    "nginx_access.lua": "NginxAccessDecoder",
    "rsyslog.lua": "RsyslogDecoder",
}
#: Keys of a section with a Lua program that are about Lua.
_LUA_KEYS: Final = (
    *("filename", "script_type", "preserve_data", "memory_limit", "instruction_limit"),
    *("output_limit", "module_directory"),
)
#: Lua programs that come with hekad and have a counterpart, by the begin of their names.
_PROGRAMS: Final = {
    "heartbeat": "HeartbeatFilter tells of silent senders",
    "linux_": "HostInput measures the same",
    "heka_memstat": "'heka agent status' shows the same",
    "heka_message_": "'heka agent status' counts by section",
    "schema_carbon_line": "StatAccumInput writes these lines itself: use PayloadEncoder",
    "unique_items": "UniqueItemsFilter counts distinct values",
    "statmetric_": "StatAccumInput writes lines itself: use PayloadEncoder",
}


def kind_of(type_: str) -> str | None:
    """Return the kind that the name *type_* ends in, in lower case; None: in none."""
    return next((kind.lower() for kind in KINDS if type_.endswith(kind)), None)


def native(type_: str, table: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Return type and table of the section that does here what the Lua program of *table* does.

    What is said to the program, in ``[X.config]``, becomes options of the section.

    Returns:
        The arguments themselves, unless the section is a SandboxDecoder with a program in NATIVE.
    """
    program = table.get("filename")
    file = program.rpartition("/")[2] if isinstance(program, str) else ""
    if type_ != "SandboxDecoder" or NATIVE.get(file) not in BUILT_IN:
        return type_, table
    said = {key: value for key, value in table.items() if key not in (*_LUA_KEYS, "config")}
    config = table.get("config", {})
    if not isinstance(config, Mapping):
        return NATIVE[file], {**said, "config": config}
    told = {"message_type" if key == "type" else key: value for key, value in config.items()}
    return NATIVE[file], {**said, **told}


def plugin_class(type_: str, program: object = None) -> type[Any]:
    """Return the class of *type_*.

    Args:
        type_: Of a section.
        program: The Lua program that a section of hekad names.

    Raises:
        ConfigError: There is none; the text has the nearest name, or what to use instead.
    """
    target = BUILT_IN.get(type_)
    if target is not None:
        module, _, name = target.partition(":")
        try:
            found: type[Any] = getattr(importlib.import_module(module), name)
        except ModuleNotFoundError as missing:
            package = (missing.name or "").partition(".")[0]
            raise ConfigError(
                f"{type_} needs {package}: pip install 'heka-py[{EXTRAS.get(package, 'agent')}]'"
            ) from missing
        return found
    offered = importlib.metadata.entry_points(group=GROUP)
    for point in offered:
        if point.name == type_:
            return _load(point, type_)
    if type_.startswith("Sandbox"):
        raise ConfigError(_on_lua(type_, program))
    if type_ in ELSEWHERE:
        raise ConfigError(f"{type_} is not part of this agent: {ELSEWHERE[type_]}")
    close = nearest(type_, [*BUILT_IN, *(point.name for point in offered)])
    kind = kind_of(type_)
    same = ", ".join(sorted(name for name in BUILT_IN if kind in (None, kind_of(name))))
    more = f"did you mean {close!r}?" if close else f"known are {same}"
    raise ConfigError(f"there is no type {type_[:_SHOWN_MAX]!r}; {more}")


def options_by_name() -> dict[str, type[Any]]:
    """Return the options of all built-in types, for the reference; imports all of them."""
    return {type_: plugin_class(type_).Options for type_ in BUILT_IN}


def _on_lua(type_: str, program: object) -> str:
    """Return why a section of *type_* with that *program* does not run here."""
    file = program.rpartition("/")[2] if isinstance(program, str) else ""
    for begin, instead in _PROGRAMS.items():
        if file.startswith(begin):
            return f"{type_} runs a Lua program, and this agent has no Lua: {instead}"
    return (
        f"{type_} runs a Lua program, and this agent has no Lua: leave the section to Hindsight, "
        "to which a TcpOutput can send"
    )


def _load(point: importlib.metadata.EntryPoint, type_: str) -> type[Any]:
    try:
        found: type[Any] = point.load()
    except Exception as failure:  # another package's code
        raise ConfigError(f"{type_}: {point.value} cannot be loaded: {failure!r}") from failure
    return found
