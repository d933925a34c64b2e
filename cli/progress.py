"""A progress bar on standard error, where that is a terminal."""

import sys
from types import TracebackType
from typing import Self, TextIO

_WIDTH = 30


class Bar:
    """One line that grows; nothing is written where `out` is no terminal."""

    def __init__(self, what: str, out: TextIO | None = None) -> None:
        self._what = what
        self._out = out if out is not None else sys.stderr
        self._shown = -1
        self._live = self._out.isatty()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live and self._shown >= 0:
            self._out.write("\r\x1b[K")
            self._out.flush()

    def __call__(self, done: int, total: int) -> None:
        """`done` of `total` steps are done."""
        percent = 100 * done // total if total else 100
        if not self._live or percent == self._shown:
            return
        self._shown = percent
        filled = _WIDTH * percent // 100
        self._out.write(f"\r{self._what} [{'#' * filled}{'.' * (_WIDTH - filled)}] {percent:3d} %")
        self._out.flush()
