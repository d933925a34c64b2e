"""Prometheus's text format, version 0.0.4, and as much of OpenMetrics as pages in it have in common.

Source: prometheus.io, "Exposition formats".
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

Labels = tuple[tuple[str, str], ...]


class Kind(StrEnum):
    """Types of metric families; `untyped` is read as a gauge."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    SUMMARY = "summary"
    UNTYPED = "untyped"


class PageError(ValueError):
    """The page is not in the text format; the text says where."""


@dataclass(frozen=True, slots=True)
class Series:
    """One labelled value. `family` has the type; for histograms and summaries `name` is longer than it."""

    family: str
    kind: Kind
    name: str
    labels: Labels
    value: float


_SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(?:\{(.*)\})?\s*([^\s{}]+)(?:\s+-?[0-9.]+)?\s*")
_LABEL = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)')
_ESCAPE = re.compile(r"\\(.)")
_PARTS = {
    Kind.HISTOGRAM: ("_bucket", "_sum", "_count"),
    Kind.SUMMARY: ("_sum", "_count"),
    Kind.COUNTER: ("_total",),
}
_KINDS = {kind.value: kind for kind in Kind}
_NOT_TAKEN = ("_created",)


def parse(text: str, *, wanted: Callable[[str], bool]) -> Iterator[Series]:
    """The series of the families that are `wanted` by name; no other line is looked at. Raises PageError."""
    kinds: dict[str, Kind] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line or line.isspace():
            continue
        if line.startswith("#"):
            words = line.split()
            if len(words) >= 4 and words[1] == "TYPE":
                kinds[words[2]] = _KINDS.get(words[3], Kind.UNTYPED)
            continue
        name = line[: next((at for at, letter in enumerate(line) if letter in "{ \t"), len(line))]
        family, kind = _family(name, kinds)
        if wanted(family) and not name.endswith(_NOT_TAKEN):
            yield _series(family, kind, line, number)


def _family(name: str, kinds: dict[str, Kind]) -> tuple[str, Kind]:
    if name in kinds:
        return name, kinds[name]
    for kind, suffixes in _PARTS.items():
        for suffix in suffixes:
            family = name.removesuffix(suffix)
            if family != name and kinds.get(family) is kind:
                # An OpenMetrics counter's family is without the suffix that its one series has.
                return (name if kind is Kind.COUNTER else family), kind
    return name, Kind.COUNTER if name.endswith("_total") else Kind.UNTYPED


def _series(family: str, kind: Kind, line: str, number: int) -> Series:
    line = line.partition(" # ")[0] if " # {" in line else line  # OpenMetrics: an exemplar
    match = _SAMPLE.fullmatch(line)
    if match is None:
        raise PageError(f"line {number}: {line[:80]!r} is not name{{labels}} value")
    name, labels, value = match.groups()
    try:
        return Series(family, kind, name, _labels(labels or ""), float(value))
    except ValueError as error:
        raise PageError(f"line {number}: {error}") from None


def _labels(text: str) -> Labels:
    labels = []
    at = 0
    while at < len(text):
        match = _LABEL.match(text, at)
        if match is None:
            raise ValueError(f'{text[at : at + 80]!r} is not label="value"')
        labels.append((match[1], _ESCAPE.sub(_unescape, match[2]) if "\\" in match[2] else match[2]))
        at = match.end()
    return tuple(labels)


def _unescape(match: "re.Match[str]") -> str:
    return "\n" if match[1] == "n" else match[1]
