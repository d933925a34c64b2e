"""Reads the tables of a TOML document strictly: every problem is kept with its place, and reading goes on."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from core.alarmtests.document import Problem
from core.cloudwatch import notation
from core.cloudwatch.notation import NotationError, Period
from core.toml_places import Path, Place, Places

_KINDS = {str: "text in quotes", list: "an array", dict: "a table", int: "a whole number"}


@dataclass(slots=True)
class Findings:
    """The problems so far, and where things stand in the text."""

    places: Places
    problems: list[Problem] = field(default_factory=list)

    def add(self, place: Place, text: str) -> None:
        """Keep a problem."""
        self.problems.append(Problem(place, text))


class Table:
    """One table of the document. What is missing or of the wrong type is a problem and reads as empty."""

    def __init__(self, values: Mapping[str, Any], path: Path, findings: Findings) -> None:
        self._values = values
        self.path = path
        self._findings = findings

    @property
    def place(self) -> Place:
        """Where the table begins."""
        return self._findings.places.of(self.path)

    def place_of(self, key: str) -> Place:
        """Where the value of a key stands; the table where it has none."""
        return self._findings.places.of((*self.path, key))

    def inside(self, key: str, position: int) -> Place:
        """Where a character of a key's string stands."""
        return self._findings.places.inside((*self.path, key), position)

    def has(self, key: str) -> bool:
        """Whether the key is given."""
        return key in self._values

    def only(self, what: str, known: Sequence[str], required: Sequence[str] = ()) -> None:
        """Keys that are not known, and required ones that are not there, are problems."""
        for key in self._values:
            if key not in known:
                place = self._findings.places.keys.get((*self.path, key), self.place)
                self.problem(place, f"{what} has no key {key!r}{meant(key, known)}; known: {', '.join(known)}")
        for key in required:
            if key not in self._values:
                self.problem(self.place, f"{what} lacks {key!r}")

    def problem(self, place: Place, text: str) -> None:
        """Keep a problem."""
        self._findings.add(place, text)

    def text(self, key: str, default: str = "") -> str:
        """A string."""
        value = self._typed(key, str)
        return default if value is None else str(value)

    def texts(self, key: str) -> tuple[tuple[str, Place], ...]:
        """One string or an array of strings, each with its place."""
        value = self._values.get(key, [])
        if isinstance(value, str):
            return ((value, self.place_of(key)),)
        return tuple(
            (item, self._findings.places.of((*self.path, key, number)))
            for number, item in enumerate(self._typed(key, list) or [])
            if self._is(item, str, (*self.path, key, number))
        )

    def tables(self, key: str) -> tuple["Table", ...]:
        """An array of tables."""
        return tuple(
            Table(item, (*self.path, key, number), self._findings)
            for number, item in enumerate(self._typed(key, list) or [])
            if self._is(item, dict, (*self.path, key, number))
        )

    def pairs(self, key: str) -> tuple[tuple[str, str], ...]:
        """A table of strings, such as dimensions."""
        found = self._typed(key, dict) or {}
        return tuple((name, value) for name, value in found.items() if self._is(value, str, (*self.path, key, name)))

    def own_pairs(self) -> tuple[tuple[str, str], ...]:
        """This table as one of strings."""
        return tuple((name, value) for name, value in self._values.items() if self._is(value, str, (*self.path, name)))

    def span(self, key: str, default: timedelta) -> timedelta:
        """A length of time."""
        text = self._typed(key, str)
        return default if text is None else self.read_span(str(text), self.place_of(key), default)

    def read_span(self, text: str, place: Place, default: timedelta) -> timedelta:
        """A length of time that stands somewhere in a string."""
        try:
            return notation.span(text)
        except NotationError as error:
            self.problem(place, error.message)
            return default

    def periods(self, key: str) -> tuple[Period, ...]:
        """A series in the compact notation."""
        text = self.text(key)
        if not self.has(key) or not isinstance(self._values[key], str):
            return ()
        try:
            return notation.series(text)
        except NotationError as error:
            self.problem(self.inside(key, error.position), error.message)
            return ()

    def raw(self, key: str) -> Any:
        """The value as TOML has it."""
        return self._values.get(key)

    def _typed(self, key: str, kind: type) -> Any:
        value = self._values.get(key)
        return value if value is not None and self._is(value, kind, (*self.path, key)) else None

    def _is(self, value: object, kind: type, path: Path) -> bool:
        if isinstance(value, kind):
            return True
        self.problem(self._findings.places.of(path), f"{path[-1]}: {_KINDS[kind]} is needed here, not {_named(value)}")
        return False


def meant(key: str, known: Iterable[str]) -> str:
    """`; did you mean ...?` where something known is close."""
    close = difflib.get_close_matches(key, list(known), n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


def _named(value: object) -> str:
    for kind, name in ((bool, "a boolean"), (dict, "a table"), (list, "an array"), (str, "text")):
        if isinstance(value, kind):
            return name
    return str(value)
