"""Configuration options of the supported Flink versions, and of the Flink Kubernetes Operator.

The tables in ``planner/documents/options`` are read from Flink's own classes, one for each
minor version (``tools/dump_options.py`` makes them); ``operator.json`` is from the operator's
documentation (``tools/dump_operator_options.py``) and goes with every version. This module only
loads them; it needs neither Flink nor Java.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_PLACEHOLDER = re.compile(r"<[^<>]+>|#")
_KEY = re.compile(r"[a-z][\w-]*(?:\.[\w-]+)+")
"""What may be the key of an option in a text."""
_OF_OPERATOR = ("kubernetes.operator.", "job.autoscaler.", "bluegreen.")
_OF_OTHERS = (
    "license.accept", "license.license", "license.use",  # IBM Event Automation's build of Flink
    "query.server.port",  # the entry point of Flink's image writes it, and nothing reads it
)  # fmt: skip
_BELOW_OF_OTHERS = ("statefun.", "autoscaler.standalone.")
"""What keys of Stateful Functions and of the standalone autoscaler begin with."""


@dataclass(frozen=True, slots=True)
class Option:
    """One configuration option of one Flink version."""

    key: str
    """The key, perhaps with placeholders (``external-resource.<resource_name>.amount``)."""
    type: str
    """The simple name of the Java class, or ``Enum``; of the elements if it is a list."""
    default: str | None = None
    """The default the way a configuration file has it; None if there is none."""
    is_list: bool = False
    """Whether the value is a list (``a;b``) of the type."""
    enum: tuple[str, ...] = ()
    """The values of an enum; Flink ignores case."""
    fallback: tuple[str, ...] = ()
    """Other keys that Flink reads if this one is not set, in this order."""
    deprecated: bool = False
    """Whether Flink has deprecated the option."""


@dataclass(frozen=True, slots=True)
class RemovedOption:
    """A key that older Flink versions read and this one ignores."""

    key: str
    since: str
    """The first minor version without it."""
    replacement: str | None = None
    """What to set instead: a key, or ``key: value``."""
    note: str | None = None
    """What else there is to know."""


@dataclass(frozen=True, slots=True)
class OptionTable:
    """All configuration options of one Flink version."""

    flink_version: str
    """The exact version that the table was read from."""
    options: Mapping[str, Option]
    fallbacks: Mapping[str, str]
    """Old keys that are no option themselves, with the option that reads them."""
    prefixes: tuple[str, ...]
    """Prefixes under which any key is legal, because Flink passes it on."""
    removed: Mapping[str, RemovedOption]
    """Keys that this version does not read any more."""
    outdated: Mapping[str, RemovedOption]
    """Deprecated keys that a later version does not read any more, and whose replacement is there already."""
    _patterns: tuple[tuple[re.Pattern[str], str], ...] = field(repr=False, compare=False)
    _map_keys: tuple[str, ...] = field(repr=False, compare=False)

    def find(self, key: str) -> Option | None:
        """Return the option that a key sets, if there is one.

        Placeholders match (``external-resource.gpu.amount``), as do keys below an option
        of type ``Map`` (``kubernetes.jobmanager.labels.app``) and fallback keys.
        """
        name = key if key in self.options else self.fallbacks.get(key)
        if name is None:
            name = next((n for pattern, n in self._patterns if pattern.fullmatch(key)), None)
        if name is None:
            name = next((n for n in self._map_keys if key.startswith(n + ".")), None)
        return None if name is None else self.options[name]

    def find_removed(self, key: str) -> RemovedOption | None:
        """Return what is known of a key that this version does not read any more."""
        if key in self.removed:
            return self.removed[key]
        for name, removed in self.removed.items():
            if _PLACEHOLDER.search(name) and _pattern(name).fullmatch(key):
                return removed
        return None

    def passes_on(self, key: str) -> bool:
        """Tell whether Flink hands a key on to something else, whatever its name."""
        return key.startswith(self.prefixes) and key not in self.prefixes

    def takes(self, key: str) -> bool:
        """Tell whether Flink does anything with a key."""
        return self.find(key) is not None or self.passes_on(key)

    def reads(self, key: str) -> bool:
        """Tell whether a key has an effect: one that was removed may still match what is passed on."""
        return self.find(key) is not None or (self.passes_on(key) and self.find_removed(key) is None)

    def spelling(self, key: str) -> str | None:
        """Return the key of this version for an option of another, None where this version has none.

        A version that has not renamed the option yet is given its old key.
        """
        if key in self.options:
            return key
        old = (old for table in _tables() if (option := table.options.get(key)) for old in option.fallback)
        known = (name if name in self.options else self.fallbacks.get(name) for name in (key, *old))
        return next(filter(None, known), None)

    def current(self, key: str) -> str | None:
        """Return the key that replaces one under which Flink still reads an option, None for any other."""
        found = self.fallbacks.get(key)
        while found is not None and self.options[found].deprecated:
            newer = next((one.key for one in self.options.values() if found in one.fallback), None)
            if newer is None:
                break
            found = newer
        return found

    def respell(self, text: str) -> str:
        """Return a text with every option in it under its key of this version."""
        return _KEY.sub(lambda match: self.spelling(match[0]) or match[0], text)

    def unknown(self, key: str) -> str:
        """Return in words that Flink has no option ``key``, with the closest one that there is."""
        message = f"Flink {self.flink_version} has no option {key[:80]!r}"
        if own := self.spelling(key):
            return f"{message}, its key there is {own!r}"
        newer = (table for table in _tables() if table.version > self.version and table.find(key))
        if later := next(newer, None):
            return f"{message}, which is new in Flink {_minor(later.version)}"
        close = self.suggest(key)
        return f"{message}, did you mean {close!r}?" if close else message

    def stands_for(self, version: str | None, key: str) -> bool:
        """Tell whether a key without effect here has none in ``version``, to which this table is nearest."""
        if version is None or without_table(version) is None:
            return True
        return self.find_removed(key) is not None and _parsed(version) > self.version

    @property
    def version(self) -> tuple[int, int]:
        """The minor version, as numbers."""
        major, minor = self.flink_version.split(".")[:2]
        return int(major), int(minor)

    def suggest(self, key: str) -> str | None:
        """Return the option with the most similar key, if one is similar enough."""
        close = get_close_matches(key, [*self.options, *self.fallbacks], n=1, cutoff=0.8)
        return self.fallbacks.get(close[0], close[0]) if close else None


def of_operator(key: str) -> bool:
    """Tell whether a key is one that the Flink Kubernetes Operator or its autoscaler reads, not Flink."""
    return key.startswith(_OF_OPERATOR)


def of_others(key: str) -> bool:
    """Tell whether a key is not Flink's, and rightly in a configuration of it all the same."""
    return key in _OF_OTHERS or key.startswith(_BELOW_OF_OTHERS)


def likely_version(keys: Iterable[str], newest: str) -> str:
    """Return the version, up to ``newest``, that takes the most of ``keys``; of several, the newest one.

    That is the version that a configuration which does not name any is most likely for.
    """
    wanted, own = list(keys), option_table(newest)
    if all(map(own.reads, wanted)):
        return newest
    tables = [table for table in _tables() if table.version <= own.version]
    best = max(tables, key=lambda table: (sum(map(table.reads, wanted)), table.version))
    return _minor(best.version)


def supported_versions() -> tuple[str, ...]:
    """Return the minor versions that have a table, oldest first."""
    return tuple(_minor(version) for version in _versions())


def without_table(version: str) -> str | None:
    """Return in words that a Flink version has no table, and whose is used; None where it has one."""
    if _parsed(version) in _versions():
        return None
    nearest = _minor(option_table(version).version)
    return f"planner has no options of Flink {version[:20]}; those of Flink {nearest} are used"


@cache
def option_table(version: str) -> OptionTable:
    """Load the table for a Flink version such as ``2.2`` or ``2.2.1``.

    A version without a table of its own gets the next older one; one older than all
    tables gets the oldest.
    """
    wanted, known = _parsed(version), _versions()
    return _load(max((each for each in known if each <= wanted), default=known[0]))


def _parsed(version: str) -> tuple[int, int]:
    match = re.match(r"(\d+)(?:\.(\d+))?", version)
    if match is None:
        raise ValueError(f"not a Flink version: {version!r}")
    return int(match[1]), int(match[2] or 0)


def _tables() -> Iterator[OptionTable]:
    """Yield the tables of all versions, oldest first."""
    return map(_load, _versions())


@cache
def _versions() -> tuple[tuple[int, int], ...]:
    names = (entry.name for entry in (files(__package__) / "options").iterdir())
    matches = (re.fullmatch(r"(\d+)\.(\d+)\.json", name) for name in names)
    return tuple(sorted((int(match[1]), int(match[2])) for match in matches if match))


@cache
def _load(version: tuple[int, int]) -> OptionTable:
    table, operator = _read(f"{_minor(version)}.json"), _read("operator.json")
    entries = {**table["options"], **operator["options"]}
    options = {key: _option(key, entry) for key, entry in entries.items()}
    removed = {
        key: RemovedOption(key, entry["since"], entry["replacement"], entry.get("note"))
        for key, entry in _read("removed.json").items()
    }
    gone = {key for key, each in removed.items() if _parsed(each.since) <= version}
    named = [key for key in options if _PLACEHOLDER.search(key)]
    return OptionTable(
        flink_version=table["flinkVersion"],
        options=MappingProxyType(options),
        fallbacks=MappingProxyType(_fallbacks(options)),
        prefixes=(*table["prefixes"], *operator["prefixes"]),
        removed=MappingProxyType({key: removed[key] for key in removed if key in gone}),
        outdated=MappingProxyType(
            {
                key: each
                for key, each in removed.items()
                if key not in gone
                and key in options
                and options[key].deprecated
                and (each.replacement or "").partition(":")[0] in options
            }
        ),
        _patterns=tuple((_pattern(key), key) for key in _longest_first(named)),
        _map_keys=_longest_first(
            key for key, each in options.items() if each.type == "Map" and not each.is_list
        ),
    )


def _fallbacks(options: dict[str, Option]) -> dict[str, str]:
    """Map old keys to options; the option that tries an old key first gets it."""
    best: dict[str, tuple[int, str]] = {}
    for option in options.values():
        for place, old in enumerate(option.fallback):
            if old not in options:
                best[old] = min(best.get(old, (place, option.key)), (place, option.key))
    return {old: key for old, (_, key) in best.items()}


def _option(key: str, entry: dict[str, Any]) -> Option:
    return Option(
        key=key,
        type=entry["type"],
        default=entry.get("default"),
        is_list=entry.get("list", False),
        enum=tuple(entry.get("enum", ())),
        fallback=tuple(entry.get("fallback", ())),
        deprecated=entry.get("deprecated", False),
    )


def _pattern(key: str) -> re.Pattern[str]:
    """Return what matches a key with placeholders; the last one may hold dots."""
    parts: list[str] = []
    at = 0
    for match in _PLACEHOLDER.finditer(key):
        parts += [re.escape(key[at : match.start()]), ".+" if match.end() == len(key) else "[^.]+"]
        at = match.end()
    return re.compile("".join([*parts, re.escape(key[at:])]))


def _longest_first(keys: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(keys, key=lambda key: (-len(key), key)))


def _minor(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"


def _read(name: str) -> dict[str, Any]:
    path = files(__package__) / "options" / name
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content
