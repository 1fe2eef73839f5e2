"""Read one section: the keys that sections of its kind have, and the options of its plugin."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from heka import matcher
from heka.agent.config.common import COMMON, Common, InputCommon, OutputCommon, without_effect
from heka.agent.config.plan import Place, Section
from heka.agent.options import Problem, closest, read, shown
from heka.agent.registry import BUILT_IN, kind_of, plugin_class
from heka.exceptions import ConfigError, MatcherError

__all__ = ["Named", "SectionReader"]

#: Settings of the agent that are the default of an input's option of that name.
_INHERITED: Final = ("max_message_size",)
#: Keys of hekad's splitters that have no effect: this agent cuts and keeps as it does by default.
_SPLITTER_IGNORED: Final = (
    *("keep_truncated", "use_message_bytes", "min_buffer_size", "deliver_incomplete_final"),
    "skip_authentication",
)


@dataclass
class Named:
    """What sections may name.

    Attributes:
        kinds: The kind of every section that has a type.
        sections: Those that have been read, and are right.
    """

    kinds: Mapping[str, str | None]
    sections: dict[str, Section] = field(default_factory=dict)

    def plugin(self, name: str, kind: str) -> type[Any] | None:
        """Return the class of the *kind* that *name* means, a section or a type.

        Returns:
            None: it is a section that is wrong, which was told there.

        Raises:
            ConfigError: There is no such section or type.
        """
        expected = f"expected a section or a type of kind {kind}, got {name!r}"
        if name in self.kinds:
            if self.kinds[name] != kind:
                raise ConfigError(f"{expected}, which is of kind {self.kinds[name]}")
            section = self.sections.get(name)
            return None if section is None else section.plugin
        if kind_of(name) == kind:
            return plugin_class(name)
        known = [each for each, of in self.kinds.items() if of == kind]
        known += [type_ for type_ in BUILT_IN if kind_of(type_) == kind]
        near = closest(name, known)
        raise ConfigError(f"{expected}{near}")


class SectionReader:
    """Reads one section.

    Attributes:
        problems: What is wrong with it.
        notes: What has no effect in it.
    """

    def __init__(
        self,
        name: str,
        type_: str,
        plugin: type[Any],
        table: Mapping[str, Any],
        named: Named,
        settings: Mapping[str, Any],
        *,
        is_hekad: bool,
    ) -> None:
        """Prepare to read *table*, the section *name*.

        Args:
            name: Of the section.
            type_: Of its plugin.
            plugin: The class.
            table: What the section says.
            named: The other sections, as far as they were read.
            settings: Those of the agent that the file gives.
            is_hekad: hekad's defaults hold.
        """
        self.problems: list[Problem] = []
        self.notes: list[Problem] = []
        self._name = name
        self._type = type_
        self._kind = kind_of(type_) or ""
        self._plugin = plugin
        self._table = table
        self._named = named
        self._settings = settings
        self._is_hekad = is_hekad
        self._own = {each.name for each in dataclasses.fields(plugin.Options)}
        self._raw: dict[str, Any] = {**table, "is_hekad": is_hekad}

    def section(self, place: Place) -> Section | None:
        """Return the section, which begins at *place*; None: ``problems`` says why not."""
        common, names = self._common()
        table = {key: value for key, value in self._table.items() if key not in names}
        encoder = own_signer = None
        if isinstance(common, InputCommon):
            self._input(table, common)
        elif isinstance(common, OutputCommon):
            encoder = self._encoder(common)
            own_signer = None if common.signer is None else common.signer.config()
        if self._kind == "splitter":
            for key in _SPLITTER_IGNORED:
                if table.pop(key, None) is not None:
                    self._note(key, "has no effect here")
        options = read(
            self._plugin.Options,
            table,
            self.problems,
            (self._name,),
            known=names,
            hekad=self._is_hekad,
        )
        compiled = self._matcher(getattr(common, "message_matcher", None))
        section = Section(
            name=self._name,
            kind=self._kind,
            type=self._type,
            raw=self._raw,
            place=place,
            plugin=self._plugin,
            options=options,
            matcher=compiled,
            signer=getattr(common, "message_signer", ""),
            encoder=getattr(common, "encoder", ""),
            decoder=getattr(common, "decoder", ""),
            send_decode_failures=getattr(common, "send_decode_failures", True),
            log_decode_failures=getattr(common, "log_decode_failures", True),
            own_signer=own_signer,
            queue=getattr(common, "buffering", None),
            retries=getattr(common, "retries", None),
        )
        if not self.problems and self._kind in ("output", "encoder"):
            self._try(section, encoder)
        return None if self.problems else section

    def _common(self) -> tuple[Common, tuple[str, ...]]:
        """Return the keys of the kind, and their names; a plugin's own option goes before."""
        kind = COMMON[self._kind]
        names = tuple(each.name for each in dataclasses.fields(kind) if each.name not in self._own)
        table = {key: self._table[key] for key in names if key in self._table}
        if self._kind == "output":
            table.setdefault("buffering", {})
        common = read(kind, table, self.problems, (self._name,), hekad=self._is_hekad) or kind()
        retries = getattr(common, "retries", None)
        if retries is not None and retries.max_retries != -1:
            path = (self._name, "retries", "max_retries")
            self.notes.append(Problem(path, "has no effect: an output tries for ever"))
        for key, why in without_effect(common, table):
            self._note(key, f"has no effect: {why}")
        if "ticker_interval" in table and self._kind in ("input", "filter", "output"):
            self._note("ticker_interval", f"has no effect: {self._type} does nothing at intervals")
        return common, names

    # ---- inputs --------------------------------------------------------------------------------

    def _input(self, table: dict[str, Any], common: InputCommon) -> None:
        """Complete *table* with the splitter's options, and with settings of the agent."""
        for key in _INHERITED:
            if key in self._own and key in self._settings:
                self._raw.setdefault(key, self._settings[key])
                table.setdefault(key, self._settings[key])
        if "splitter" not in self._own and "splitter" in self._table:
            self._fail("splitter", f"{self._type} takes no splitter")
        splitter = self._splitter(table) if "splitter" in self._own else ""
        if common.decoder:
            self._decoder(common.decoder, splitter)

    def _splitter(self, table: dict[str, Any]) -> str:
        """Put the splitter's type and its options into *table*; return the type."""
        default = next(
            each.default
            for each in dataclasses.fields(self._plugin.Options)
            if each.name == "splitter"
        )
        name = table.get("splitter", default)
        if not isinstance(name, str):
            return ""  # reading the options tells that
        try:
            plugin = self._named.plugin(name, "splitter")
        except ConfigError as failure:
            self._fail("splitter", str(failure))
            table.pop("splitter", None)
            return ""
        if plugin is None:
            table.pop("splitter", None)
            return ""
        section = self._named.sections.get(name)
        if section is None:
            return str(name)
        self._raw["splitter options"] = section.raw
        table["splitter"] = section.type
        for each in dataclasses.fields(plugin.Options):
            if each.name in section.raw:
                table.setdefault(each.name, section.raw[each.name])
        return section.type

    def _decoder(self, name: str, splitter: str) -> None:
        try:
            plugin = self._named.plugin(name, "decoder")
        except ConfigError as failure:
            self._fail("decoder", str(failure))
            return
        if plugin is None:
            return
        if not hasattr(plugin, "decode") and splitter != "HekaFramingSplitter":
            said = f"of {splitter}, whose lines" if splitter else f"of {self._type}, which"
            self._fail("decoder", f"expected none for the messages {said} are no Heka messages")
        self._raw["decoder options"] = list(self._decoder_tables(name, set()))

    def _decoder_tables(self, name: str, seen: set[str]) -> Iterator[Mapping[str, Any]]:
        """Yield what the section *name* says, and those of the decoders that it names."""
        section = self._named.sections.get(name)
        if section is not None and name not in seen:
            seen.add(name)
            yield section.raw
            for sub in getattr(section.options, "subs", ()):
                yield from self._decoder_tables(sub, seen)

    # ---- outputs -------------------------------------------------------------------------------

    def _encoder(self, common: OutputCommon) -> Any:
        """Return the encoder that the section names, made for a check; None: there is none."""
        made, type_ = None, "ProtobufEncoder"
        if common.encoder:
            try:
                plugin = self._named.plugin(common.encoder, "encoder")
                if plugin is None:
                    return None
                section = self._named.sections.get(common.encoder)
                type_ = section.type if section is not None else common.encoder
                options = section.options if section is not None else plugin.Options()
                made = plugin(common.encoder, options)
            except ConfigError as failure:
                self._fail("encoder", str(failure))
                return None
            self._raw["encoder options"] = None if section is None else section.raw
        frames = type_ == "ProtobufEncoder"
        if common.use_framing is not None and common.use_framing is not frames:
            self._fail(
                "use_framing",
                f"expected {str(frames).lower()} with {type_}: ProtobufEncoder always frames, and "
                "no other encoder does",
            )
        if common.signer is not None and not frames:
            self._fail("signer", f"expected none with {type_}: only ProtobufEncoder writes headers")
        return made

    def _try(self, section: Section, encoder: Any) -> None:
        """Make the plugin, which opens nothing: it checks what its options alone do not show."""
        try:
            if section.kind == "encoder":
                section.plugin(section.name, section.options)
            else:
                section.plugin(section.name, section.options, encoder)
        except ValueError as failure:
            key, colon, rest = str(failure).removeprefix(f"{section.name}: ").partition(": ")
            if colon and key in self._own:
                self._fail(key, rest)
            else:
                self.problems.append(Problem((section.name,), str(failure)))

    def _matcher(self, text: str | None) -> matcher.Matcher | None:
        """Compile the matcher of a filter or an output; without one it gets nothing."""
        if text is None:
            return None
        if not text:
            if "message_matcher" not in self._table:
                self.notes.append(
                    Problem((self._name,), "has no message_matcher, so it gets no message")
                )
            text = "FALSE"
        try:
            return matcher.compile(text, dialect="heka" if self._is_hekad else "heka2")
        except MatcherError as failure:
            path = (self._name, "message_matcher")
            self._fail("message_matcher", f"{shown(text, path)} is no matcher: {failure}")
            return None

    def _fail(self, key: str, text: str) -> None:
        self.problems.append(Problem((self._name, key), text))

    def _note(self, key: str, text: str) -> None:
        self.notes.append(Problem((self._name, key), text))
