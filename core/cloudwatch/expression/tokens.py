"""Metric math cut into tokens, each with its position."""

import re
from dataclasses import dataclass
from enum import StrEnum

from core.cloudwatch.expression.errors import ExpressionError


class Kind(StrEnum):
    """What a token is."""

    NUMBER = "number"
    NAME = "name"
    TEXT = "text"
    OPERATOR = "operator"
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    """One token; `text` is as written, but for && and ||, which become the words, and a string's quotes."""

    kind: Kind
    text: str
    position: int


_TOKEN = re.compile(
    r"""\s*(?:
    (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.|'')*')
  | (?P<operator>&&|\|\||==|!=|<=|>=|[-+*/^<>(),\[\]])
)""",
    re.VERBOSE,
)
_WORDS = {"&&": "AND", "||": "OR"}


def tokenize(text: str) -> tuple[Token, ...]:
    """The tokens of `text`, closed by one END. Raises ExpressionError at the first character that starts none."""
    tokens = []
    at = 0
    end = len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            at += len(text[at:]) - len(text[at:].lstrip())
            raise ExpressionError(f"unexpected character {text[at]!r} at position {at}", at)
        kind = Kind(match.lastgroup or "")
        word = match[kind]
        if kind is Kind.TEXT:
            quote = word[0]
            plain = word[1:-1].replace("''", "'") if quote == "'" else word[1:-1]
            tokens.append(Token(kind, plain.replace(f"\\{quote}", quote), match.start(kind)))
        elif word in _WORDS or (kind is Kind.NAME and word in ("AND", "OR")):
            tokens.append(Token(Kind.OPERATOR, _WORDS.get(word, word), match.start(kind)))
        else:
            tokens.append(Token(kind, word, match.start(kind)))
        at = match.end()
    tokens.append(Token(Kind.END, "", end))
    return tuple(tokens)
