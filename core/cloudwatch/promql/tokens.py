"""PromQL cut into tokens, each with its position."""

import re
from dataclasses import dataclass
from enum import StrEnum

from core.cloudwatch.promql.errors import PromqlError, at


class Sort(StrEnum):
    """What a token is."""

    DURATION = "duration"
    NUMBER = "number"
    NAME = "name"
    TEXT = "text"
    SIGN = "sign"
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    """One token; a TEXT's `text` is without quotation marks and escapes."""

    sort: Sort
    text: str
    position: int


_UNITS = {"y": 31_536_000_000, "w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_DURATION = "".join(rf"(?:\d+{unit})?" for unit in _UNITS)
_GAP = re.compile(r"(?:\s+|#[^\n]*)*")
_TOKEN = re.compile(
    rf"""
    (?P<duration>(?=\d){_DURATION}(?<=[a-z])(?![A-Za-z0-9_.]))
  | (?P<number>0[xX][0-9a-fA-F]+|(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d+)?)
  | (?P<name>[A-Za-z_:][A-Za-z0-9_:]*)
  | (?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`)
  | (?P<sign>=~|!~|==|!=|<=|>=|[-+*/%^<>=(){{}}\[\],:@])
""",
    re.VERBOSE,
)
_PART = re.compile(r"(\d+)(ms|[ywdhms])")
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)", re.DOTALL)
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def tokenize(text: str) -> tuple[Token, ...]:
    """The tokens of `text`, closed by one END. Raises PromqlError at the first character that starts none."""
    tokens: list[Token] = []
    place = _skip(text, 0)
    bracketed = False
    while place < len(text):
        if bracketed and text[place] == ":":
            # Elsewhere a colon may stand in a metric's name.
            tokens.append(Token(Sort.SIGN, ":", place))
            place = _skip(text, place + 1)
            continue
        match = _TOKEN.match(text, place)
        if match is None:
            raise _unreadable(text, place)
        sort = Sort(match.lastgroup or "")
        word = match[sort]
        if (
            sort is Sort.NUMBER
            and match.end() < len(text)
            and (text[match.end()].isalnum() or text[match.end()] == "_")
        ):
            raise at(place, f"bad number or duration {text[place : match.end() + 1]!r}")
        tokens.append(Token(sort, _unquoted(word, place) if sort is Sort.TEXT else word, place))
        bracketed = word == "[" or (bracketed and word != "]")
        place = _skip(text, match.end())
    tokens.append(Token(Sort.END, "", len(text)))
    return tuple(tokens)


def milliseconds(duration: str) -> int:
    """The length of `1h30m`."""
    return sum(int(count) * _UNITS[unit] for count, unit in _PART.findall(duration))


def spelled(length_ms: int) -> str:
    """A duration as PromQL writes it."""
    left = abs(length_ms)
    parts = []
    for unit, size in _UNITS.items():
        if unit in ("y", "w"):
            continue
        if left >= size:
            parts.append(f"{left // size}{unit}")
            left %= size
    return ("-" if length_ms < 0 else "") + ("".join(parts) or "0s")


def _skip(text: str, place: int) -> int:
    gap = _GAP.match(text, place)
    return gap.end() if gap else place


def _unreadable(text: str, place: int) -> PromqlError:
    if text[place] in "\"'`":
        return PromqlError(f"the string at position {place} is never closed", place)
    return at(place, f"unexpected character {text[place]!r}")


def _unquoted(word: str, place: int) -> str:
    if word[0] == "`":
        return word[1:-1]

    def plain(match: re.Match[str]) -> str:
        code = match[1]
        if code[0] in "xuU" and len(code) > 1:
            return chr(int(code[1:], 16))
        if len(code) == 3:
            return chr(int(code, 8))
        if code in _ESCAPES:
            return _ESCAPES[code]
        if code in ("\\", word[0]):
            return code
        raise at(place + 1 + match.start(), f"unknown escape \\{code}")

    return _ESCAPE.sub(plain, word[1:-1])
