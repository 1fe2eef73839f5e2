"""Read a configuration: from files to a plan, with all errors at once.

Which keys a section may have is in ``sections.py``, what sections must not say together in
``together.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from heka.agent.config.common import IGNORED_SETTINGS
from heka.agent.config.files import read_files
from heka.agent.config.plan import Place, Plan, Section, Settings
from heka.agent.config.sections import Named, SectionReader
from heka.agent.config.text import Text, read_toml
from heka.agent.config.together import conflicts, is_open
from heka.agent.options import Problem, closest, dotted, read, shown
from heka.agent.registry import BUILT_IN, kind_of, native, plugin_class
from heka.exceptions import ConfigError

__all__ = ["load", "load_aggregator", "load_text"]

#: The section with the settings of the agent; the second name is hekad's.
_GLOBAL: Final = ("agent", "hekad")
_LISTENING: Final = '[TcpInput]\naddress = "127.0.0.1:5565"\n'
_OPEN: Final = (
    "other machines reach it, and it asks nobody who they are; set require_signature = true with "
    "keys, or use_tls with client_cafile, or listen on 127.0.0.1"
)
#: Kinds of sections that others name; they are read first.
_NAMED: Final = ("splitter", "decoder", "encoder")


def load(path: str) -> Plan:
    """Return what the file at *path* says, or all ``.toml`` files of that directory.

    Raises:
        ConfigError: It cannot be read, or something in it is wrong; a line for each error.
    """
    return _Loader(read_files(path)).plan()


def load_aggregator(path: str) -> Plan:
    """Return what the files at *path* say, with the defaults of an aggregator.

    Without an input for Heka messages it listens on port 5565 of the loopback. An input that other
    machines can reach must ask who sends: by ``require_signature``, or TLS with ``client_cafile``.

    Raises:
        ConfigError: As ``load``; or anybody could send to such an input.
    """
    texts = read_files(path)
    tables = [pair for text in texts for pair in text.table.items()]
    types = {
        table.get("type", name) if isinstance(table, Mapping) else name for name, table in tables
    }
    if not types & {"TcpInput", "UdpInput"}:
        texts.append(read_toml(_LISTENING, "the defaults of an aggregator"))
    plan = _Loader(texts).plan()
    open_ = [section for section in plan.sections if is_open(section)]
    if open_:
        raise ConfigError("\n".join(f"{each.place}: {each.name}: {_OPEN}" for each in open_))
    return plan


def load_text(text: str, file: str) -> Plan:
    """Return what *text*, which is TOML, says; *file* stands in error texts. Raises as ``load``."""
    return _Loader([read_toml(text, file)]).plan()


class _Loader:
    """One reading."""

    def __init__(self, texts: Sequence[Text]) -> None:
        self._texts = texts
        self._files = [text.file for text in texts]
        self._tables: dict[str, tuple[Text, Mapping[str, Any]]] = {}
        self._errors: list[tuple[int, int, str]] = []  # number of the file, line, text
        self._notes: list[tuple[int, int, str]] = []

    def plan(self) -> Plan:
        """Return the plan; ConfigError with all errors in the order of files and lines."""
        self._merge()
        settings, given = self._read_settings()
        is_hekad = "hekad" in self._tables
        types = self._types()
        named = Named({name: kind_of(type_) for name, (type_, _) in types.items()})
        found: dict[str, Section] = {}
        for name in sorted(types, key=lambda name: named.kinds[name] not in _NAMED):
            text, table = self._tables[name]
            type_, plugin = types[name]
            reader = SectionReader(name, type_, plugin, table, named, given, is_hekad=is_hekad)
            section = reader.section(text.place(name))
            for problem in reader.problems:
                self._fail(text.place(*problem.path), problem)
            for problem in reader.notes:
                self._note(text.place(*problem.path), problem)
            if section is not None:
                found[name] = named.sections[name] = section
        sections = tuple(found[name] for name in self._tables if name in found)
        for is_error, section, problem in conflicts(sections, set(self._tables)):
            place = self._tables[section.name][0].place(*problem.path)
            (self._fail if is_error else self._note)(place, problem)
        if self._errors:
            raise ConfigError("\n".join(text for _, _, text in sorted(self._errors)))
        notes = tuple(text for _, _, text in sorted(self._notes))
        return Plan(settings, sections, notes, is_hekad)

    def _merge(self) -> None:
        """Put the sections of all files together; one that stands twice is an error."""
        for text in self._texts:
            for name, table in text.table.items():
                place = text.place(name)
                if not isinstance(table, Mapping):
                    said = f"expected a section, got {shown(table, (name,))}"
                    self._fail(place, Problem((name,), said))
                elif name in self._tables:
                    first = self._tables[name][0].place(name)
                    self._fail(place, Problem((name,), f"this section is already in {first}"))
                else:
                    self._tables[name] = (text, table)

    def _read_settings(self) -> tuple[Settings, Mapping[str, Any]]:
        """Return the settings, and what of them the files give."""
        settings = Settings()
        given: dict[str, Any] = {}
        names = [name for name in _GLOBAL if name in self._tables]
        for name in names:
            text, table = self._tables[name]
            problems: list[Problem] = []
            given = {key: value for key, value in table.items() if key not in IGNORED_SETTINGS}
            found = read(Settings, given, problems, (name,), hekad=name == "hekad")
            for problem in problems:
                self._fail(text.place(*problem.path), problem)
            for key in IGNORED_SETTINGS:
                if key in table:
                    self._note(text.place(name, key), Problem((name, key), "has no effect here"))
            if found is not None:
                settings = found
            given = {key: getattr(found, key) for key in given if hasattr(found, key)}
        if len(names) > 1:
            place = self._tables["hekad"][0].place("hekad")
            other = self._tables["agent"][0].place("agent")
            said = f"expected [agent] or [hekad], got both; [agent] is in {other}"
            self._fail(place, Problem(("hekad",), said))
        return settings, given

    def _types(self) -> dict[str, tuple[str, type[Any]]]:
        """Return the type of each section, and its class."""
        found = {}
        for name, (text, table) in list(self._tables.items()):
            if name in _GLOBAL:
                continue
            path = (name, "type") if "type" in table else (name,)
            type_ = table.get("type", name)
            try:
                if not isinstance(type_, str) or not type_:
                    raise ConfigError(f"expected the type of a plugin, got {shown(type_, path)}")
                if "type" not in table and kind_of(type_) is None:
                    near = closest(name, [*BUILT_IN, *_GLOBAL])
                    raise ConfigError(
                        f"expected the key type, the name of a plugin, got nothing{near}"
                    )
                type_, table = native(type_, table)
                self._tables[name] = (text, table)
                found[name] = (type_, plugin_class(type_, table.get("filename")))
            except ConfigError as failure:
                self._fail(text.place(*path), Problem(path, str(failure)))
        return found

    def _fail(self, place: Place, problem: Problem) -> None:
        self._errors.append(self._said(place, problem))

    def _note(self, place: Place, problem: Problem) -> None:
        self._notes.append(self._said(place, problem))

    def _said(self, place: Place, problem: Problem) -> tuple[int, int, str]:
        text = f"{place}: {dotted(problem.path)}: {problem.text}"
        return self._files.index(place.file), place.line, text
