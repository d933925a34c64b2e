"""Where each key and value of a TOML text stands: tomllib reads documents but does not say where anything was.

Only for texts that tomllib accepts: what it takes is not checked again here.
"""

import tomllib
from dataclasses import dataclass

Path = tuple[str | int, ...]
"""Keys and indexes from the document down to something in it."""

_OPEN = ('"""', "'''", '"', "'")


@dataclass(frozen=True, slots=True)
class Place:
    """A line and a column, both counted from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Places:
    """Where keys and values begin. A table written in pieces stands where its first piece does."""

    keys: dict[Path, Place]
    values: dict[Path, Place]

    def of(self, path: Path) -> Place:
        """Where the nearest thing that has a place stands: the value, its key, or what it is in."""
        for length in range(len(path), 0, -1):
            found = self.values.get(path[:length]) or self.keys.get(path[:length])
            if found is not None:
                return found
        return Place(1, 1)

    def inside(self, path: Path, offset: int) -> Place:
        """The place `offset` characters into a string written on one line without escapes."""
        start = self.of(path)
        return Place(start.line, start.column + 1 + offset)


def places(text: str) -> Places:
    """The places in a TOML text."""
    return _Scan(text).document()


class _Scan:
    """One pass over the text; `_at` is the place of the next character."""

    def __init__(self, text: str) -> None:
        self._text = text.replace("\r\n", "\n")
        self._at = 0
        self._line = 1
        self._start = 0
        self._found = Places({}, {})
        self._lengths: dict[Path, int] = {}

    def document(self) -> Places:
        """All places."""
        table: Path = ()
        while self._skip(" \t\n"):
            if self._next("["):
                table = self._header()
            else:
                self._pair(table)
        return self._found

    def _header(self) -> Path:
        """`[table]` or `[[array.of.tables]]`, and the path that its keys have."""
        is_array, here = self._next("[["), self._place()
        self._move(2 if is_array else 1)
        names = self._keys()
        self._move(2 if is_array else 1)
        path: Path = ()
        for number, name in enumerate(names, start=1):
            path = (*path, name)
            self._found.keys.setdefault(path, here)
            if is_array and number == len(names):
                self._lengths[path] = self._lengths.get(path, 0) + 1
            if path in self._lengths:
                path = (*path, self._lengths[path] - 1)
                self._found.keys.setdefault(path, here)
        return path

    def _pair(self, table: Path) -> None:
        here = self._place()
        path = table
        for name in self._keys():
            path = (*path, name)
            self._found.keys.setdefault(path, here)
        self._move(1)
        self._value(path)

    def _keys(self) -> list[str]:
        """`a."b c".d`, up to the `=` or `]` behind it."""
        names: list[str] = []
        while True:
            self._skip(" \t")
            start = self._at
            if self._next(('"', "'")):
                self._string()
            else:
                while not self._next((" ", "\t", ".", "=", "]")):
                    self._move(1)
            names.append(next(iter(tomllib.loads(f"{self._text[start : self._at]} = 1"))))
            self._skip(" \t")
            if not self._next("."):
                return names
            self._move(1)

    def _value(self, path: Path) -> None:
        self._skip(" \t")
        self._found.values[path] = self._place()
        if self._next(_OPEN):
            self._string()
        elif self._next("["):
            self._items("]", path)
        elif self._next("{"):
            self._items("}", path)
        else:
            while self._at < len(self._text) and not self._next((",", "]", "}", "\n", "#")):
                self._move(1)

    def _items(self, end: str, path: Path) -> None:
        self._move(1)
        number = 0
        while self._skip(" \t\n") and not self._next(end):
            if self._next(","):
                self._move(1)
            elif end == "]":
                self._value((*path, number))
                number += 1
            else:
                self._pair(path)
        self._move(1)

    def _string(self) -> None:
        quotes = next(quotes for quotes in _OPEN if self._next(quotes))
        self._move(len(quotes))
        while self._at < len(self._text) and not self._next(quotes):
            self._move(2 if self._next("\\") and quotes[0] == '"' else 1)
        self._move(len(quotes))
        # A multi-line string may end in one or two quotes of its own.
        while len(quotes) == 3 and self._next(quotes[0]):
            self._move(1)

    def _skip(self, blank: str) -> bool:
        """Pass over blanks, and over comments where lines may end; whether anything is left."""
        while self._at < len(self._text):
            if self._text[self._at] in blank:
                self._move(1)
            elif "\n" in blank and self._next("#"):
                while self._at < len(self._text) and not self._next("\n"):
                    self._move(1)
            else:
                return True
        return False

    def _next(self, what: str | tuple[str, ...]) -> bool:
        return self._text.startswith(what, self._at)

    def _move(self, count: int) -> None:
        for _ in range(count):
            if self._next("\n"):
                self._line += 1
                self._start = self._at + 1
            self._at += 1

    def _place(self) -> Place:
        return Place(self._line, self._at - self._start + 1)
