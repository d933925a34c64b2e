"""History from CSV files: one sample, count of equal samples, or statistic set a row; errors name line and column.

Columns by name, in any order: `timestamp` (ISO 8601 or epoch seconds), `namespace`, `metric`, `dimensions`
(`EndpointName=ranker;VariantName=AllTraffic`), then `value` with an optional `count`, or `count`, `sum`, `minimum`
and `maximum`; `unit` is optional.
"""

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from core.alarmtests.tables import meant
from core.cloudwatch.datums import Datum, epoch
from core.cloudwatch.limits import UNITS
from core.cloudwatch.statistics import StatisticSet
from local.backtest.fetch import Progress, Range
from local.cloudwatch.store import Store

REQUIRED = ("timestamp", "namespace", "metric", "dimensions")
NUMBERS = ("value", "count", "sum", "minimum", "maximum")
COLUMNS = (*REQUIRED, *NUMBERS, "unit")
_STEP = 10_000


class CsvError(Exception):
    """A CSV file cannot be used; the text names file, line and column."""


def read(paths: Sequence[Path], progress: Progress) -> tuple[Store, Range]:
    """The files' samples in one store, and the minutes from the first to the last of them. Raises CsvError."""
    store = Store()
    total = sum(_size(path) for path in paths)
    first, last, done = math.inf, -math.inf, 0
    for path in paths:
        with path.open(newline="", encoding="utf-8") as file:
            rows = csv.reader(file, strict=True)
            try:
                header = _header(path, next(rows, []))
                for row in rows:
                    if row:
                        at = _add(store, _Row(path, rows.line_num, header, row))
                        first, last = min(first, at), max(last, at)
                    if rows.line_num % _STEP == 0:
                        progress(min(done + rows.line_num * 80, total), total)
            except csv.Error as error:
                raise CsvError(f"{path}:{rows.line_num}: {error}") from error
            except UnicodeDecodeError as error:
                raise CsvError(f"{path}: not UTF-8 after line {rows.line_num}") from error
        done += _size(path)
    progress(total, total)
    if first > last:
        raise CsvError(f"{', '.join(map(str, paths))}: there are no rows below the header")
    return store, Range(int(first) // 60 * 60, int(last) // 60 * 60 + 60)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise CsvError(f"cannot read {path}: {error.strerror}") from error


def _header(path: Path, row: Sequence[str]) -> list[str]:
    names = [name.strip().removeprefix("\ufeff") for name in row]
    for number, name in enumerate(names, start=1):
        if name not in COLUMNS or name in names[: number - 1]:
            said = "is there twice" if name in COLUMNS else f"is not known{meant(name, COLUMNS)}"
            raise CsvError(f"{path}:1: column {number} {name!r} {said}; known: {', '.join(COLUMNS)}")
    absent = [name for name in REQUIRED if name not in names]
    if absent or not {"value", "sum"} & set(names):
        lacks = ", ".join(absent) or "value, or count, sum, minimum and maximum"
        raise CsvError(f"{path}:1: the header lacks {lacks}")
    return names


class _Row:
    """One row by column names."""

    def __init__(self, path: Path, line: int, header: Sequence[str], cells: Sequence[str]) -> None:
        self._where = f"{path}:{line}"
        if len(cells) != len(header):
            raise CsvError(f"{self._where}: {len(cells)} cells under {len(header)} columns")
        self._cells = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}

    def text(self, name: str) -> str:
        """A cell; empty where there is none."""
        return self._cells.get(name, "")

    def wrong(self, name: str, right: str) -> CsvError:
        """The error of a cell."""
        return CsvError(f"{self._where}: {name} {self.text(name)!r}: {right}")

    def needed(self, name: str) -> str:
        """A cell that may not be empty."""
        if not self.text(name):
            raise self.wrong(name, "may not be empty")
        return self.text(name)

    def numbers(self) -> Mapping[str, float]:
        """The number cells that are not empty."""
        found: dict[str, float] = {}
        for name in NUMBERS:
            if text := self.text(name):
                try:
                    found[name] = float(text)
                except ValueError:
                    raise self.wrong(name, "a number is needed") from None
                if not math.isfinite(found[name]):
                    raise self.wrong(name, "a finite number is needed")
        return found


def _add(store: Store, row: _Row) -> float:
    try:
        at = epoch(row.needed("timestamp"))
    except ValueError:
        raise row.wrong("timestamp", "ISO 8601 or epoch seconds are needed") from None
    unit = row.text("unit") or "None"
    if unit not in UNITS:
        raise row.wrong("unit", f"is not one of CloudWatch's{meant(unit, UNITS)}")
    datum = Datum(row.needed("metric"), _dimensions(row), int(at) // 60 * 60, unit, 60, None)
    numbers = row.numbers()
    count = numbers.get("count", 1.0)
    if count <= 0:
        raise row.wrong("count", "a number above 0 is needed")
    if set(numbers) == {"value"}:
        datum.value = numbers["value"]
    elif set(numbers) == {"value", "count"}:
        datum.values = ((numbers["value"], count),)
    elif set(numbers) == {"count", "sum", "minimum", "maximum"}:
        if numbers["minimum"] > numbers["maximum"]:
            raise row.wrong("minimum", "it may not be above maximum")
        datum.folded = StatisticSet(count, numbers["sum"], numbers["minimum"], numbers["maximum"])
    else:
        raise row.wrong("value", "a row has value, value and count, or count, sum, minimum and maximum")
    store.add(row.needed("namespace"), datum)
    return at


def _dimensions(row: _Row) -> tuple[tuple[str, str], ...]:
    pairs: list[tuple[str, str]] = []
    for part in filter(None, row.text("dimensions").split(";")):
        name, equals, value = part.partition("=")
        if not equals or not name or not value:
            raise row.wrong("dimensions", "pairs such as EndpointName=ranker;VariantName=AllTraffic are needed")
        pairs.append((name, value))
    return tuple(sorted(pairs))
