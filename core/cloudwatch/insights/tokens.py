"""A Metrics Insights query cut into tokens, each with its position."""

import re
from dataclasses import dataclass
from enum import StrEnum

from core.cloudwatch.insights.errors import InsightsError


class Sort(StrEnum):
    """What a token is."""

    WORD = "word"
    QUOTED = "quoted"
    VALUE = "value"
    SIGN = "sign"
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    """One token. `text` is without quotation marks and escapes."""

    sort: Sort
    text: str
    position: int


_TOKEN = re.compile(
    r"""\s*(?:
    (?P<word>[A-Za-z0-9_]+)
  | (?P<quoted>"(?:[^"\\]|\\.)*")
  | (?P<value>'(?:[^'\\]|\\.)*')
  | (?P<sign>!=|<>|<=|>=|[=<>(),.;*])
)""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


def tokenize(text: str) -> tuple[Token, ...]:
    """The tokens of `text`, closed by one END. Raises InsightsError at the first character that starts none."""
    tokens = []
    at = 0
    end = len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            raise _unreadable(text, at + len(text[at:]) - len(text[at:].lstrip()))
        sort = Sort(match.lastgroup or "")
        word = match[sort]
        if sort in (Sort.QUOTED, Sort.VALUE):
            word = _ESCAPE.sub(r"\1", word[1:-1])
        tokens.append(Token(sort, word, match.start(sort)))
        at = match.end()
    tokens.append(Token(Sort.END, "", end))
    return tuple(tokens)


def _unreadable(text: str, at: int) -> InsightsError:
    if text[at] in "\"'":
        return InsightsError(f"the quotation mark at position {at} is never closed", at)
    if not text[at].isascii() or text[at] in "/-:#@$":
        hint = "; a name with other characters than letters, numbers and underscores needs double quotation marks"
    else:
        hint = ""
    return InsightsError(f"unexpected character {text[at]!r} at position {at}{hint}", at)
