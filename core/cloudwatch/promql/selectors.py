"""PromQL's selectors: names, matchers, ranges, offsets."""

import re
from dataclasses import replace
from typing import TypeVar

from core.cloudwatch.promql.errors import PromqlError, at
from core.cloudwatch.promql.tokens import Sort, Token, milliseconds
from core.cloudwatch.promql.tree import METRIC, Match, Matcher, Selector, Subquery

_NOT_RE2 = re.compile(r"\(\?(?:[=!>]|<[=!])|\\[1-9]")
_ALIASES = {"@datapoint.@name": METRIC}
_DATAPOINT = "@datapoint."

Moved = TypeVar("Moved", Selector, Subquery)


def label_name(name: str) -> str:
    """The name that a label is kept under: a datapoint's attributes may be written with or without their scope.

    User Guide, PromQL querying.
    """
    return _ALIASES.get(name) or name.removeprefix(_DATAPOINT)


class SelectorParser:
    """Reads tokens one by one, and selectors from them."""

    def __init__(self, tokens: tuple[Token, ...]) -> None:
        self._tokens = tokens
        self._at = 0

    @property
    def token(self) -> Token:
        """The next token."""
        return self._tokens[self._at]

    def take(self) -> Token:
        """The next token, which is then passed."""
        token = self.token
        self._at += 1
        return token

    def is_sign(self, *signs: str) -> bool:
        """Whether the next token is one of the signs."""
        return self.token.sort is Sort.SIGN and self.token.text in signs

    def is_word(self, *words: str) -> bool:
        """Whether the next token is one of the keywords, which are not case sensitive."""
        return self.token.sort is Sort.NAME and self.token.text.lower() in words

    def sign(self, sign: str) -> None:
        """Pass a sign that must come next."""
        if not self.is_sign(sign):
            raise self.unexpected(f"expected {sign!r}")
        self.take()

    def at_end(self) -> bool:
        """Whether no token is left."""
        return self.token.sort is Sort.END

    def unexpected(self, wanted: str) -> PromqlError:
        """The error that the next token is."""
        token = self.token
        got = "the query ends" if token.sort is Sort.END else f"unexpected {token.text!r}"
        return PromqlError(f"{got} at position {token.position}; {wanted}", token.position)

    def labels(self) -> tuple[str, ...]:
        """`(a, b)`."""
        self.sign("(")
        found = []
        while not self.is_sign(")"):
            if self.token.sort not in (Sort.NAME, Sort.TEXT) or ":" in self.token.text:
                raise self.unexpected("expected a label's name")
            found.append(label_name(self.take().text))
            if not self.is_sign(")"):
                self.sign(",")
        self.sign(")")
        return tuple(dict.fromkeys(found))

    def selector(self, name: str, position: int) -> Selector:
        """A selector whose leading name, if it has one, is passed already."""
        matchers = [Matcher(METRIC, Match.EQUAL, name)] if name else []
        if self.is_sign("{"):
            self.take()
            while not self.is_sign("}"):
                matchers.append(self._matcher([one for one in matchers if one.name == METRIC]))
                if not self.is_sign("}"):
                    self.sign(",")
            self.sign("}")
        if all(_matches_nothing_too(one) for one in matchers):
            raise at(position, "a selector needs at least one matcher that does not match the empty string: selector")
        selector = Selector(tuple(matchers), position=position)
        if self.is_sign("["):
            return selector
        return self.moved(selector)

    def _matcher(self, names: list[Matcher]) -> Matcher:
        token = self.token
        if token.sort not in (Sort.NAME, Sort.TEXT):
            raise self.unexpected("expected a label's name")
        self.take()
        if not self.is_sign("=", "!=", "=~", "!~"):
            if not self.is_sign(",", "}"):
                raise self.unexpected("expected one of =, !=, =~, !~")
            if names:
                raise at(token.position, f"the metric's name is given twice, {names[0].value} and {token.text},")
            return Matcher(METRIC, Match.EQUAL, token.text)
        if token.sort is Sort.NAME and ":" in token.text:
            raise at(token.position, f"{token.text} is no label's name")
        match = Match(self.take().text)
        value = self.token
        if value.sort is not Sort.TEXT:
            raise self.unexpected("expected a string")
        self.take()
        if match in (Match.LIKE, Match.NOT_LIKE):
            _check_regex(value)
        name = label_name(token.text)
        if name == METRIC and names and names[0].match is Match.EQUAL:
            raise at(token.position, f"the metric's name is given twice, {names[0].value} and {value.text},")
        return Matcher(name, match, value.text)

    def bracket(self) -> tuple[int, bool, int | None]:
        """`[5m]` or `[1h:5m]`: the range, whether it is a subquery's, and the subquery's step."""
        self.sign("[")
        length = self._length()
        if not self.is_sign(":"):
            self.sign("]")
            return length, False, None
        self.take()
        step = None if self.is_sign("]") else self._length()
        self.sign("]")
        return length, True, step

    def moved(self, operand: Moved) -> Moved:
        """The selector or subquery with the offset and the @ that follow it."""
        seen: set[str] = set()
        while self.is_word("offset") or self.is_sign("@"):
            token = self.take()
            word = token.text.lower()
            if word in seen:
                raise at(token.position, f"{word} is given twice: unexpected {token.text!r}")
            seen.add(word)
            if word == "offset":
                negative = self.is_sign("-")
                if negative or self.is_sign("+"):
                    self.take()
                length = self._length()
                operand = replace(operand, offset_ms=-length if negative else length)
            else:
                operand = replace(operand, pinned=self._pin())
        return operand

    def _pin(self) -> str:
        if self.is_word("start", "end"):
            word = self.take().text.lower()
            self.sign("(")
            self.sign(")")
            return f"{word}()"
        sign = self.take().text if self.is_sign("-", "+") else ""
        if self.token.sort is not Sort.NUMBER:
            raise self.unexpected("expected a time in seconds, start() or end()")
        return sign.removeprefix("+") + self.take().text

    def _length(self) -> int:
        token = self.token
        if token.sort is Sort.DURATION:
            length = milliseconds(self.take().text)
        elif token.sort is Sort.NUMBER and token.text[:2].lower() != "0x":
            length = round(float(self.take().text) * 1000)
        else:
            raise self.unexpected("expected a duration such as 5m")
        if length == 0 and self._tokens[self._at - 2].text in ("[", ":"):
            raise at(token.position, "a duration must be greater than 0: duration")
        return length


def _matches_nothing_too(matcher: Matcher) -> bool:
    match matcher.match:
        case Match.EQUAL:
            return matcher.value == ""
        case Match.NOT_EQUAL:
            return matcher.value != ""
        case Match.LIKE:
            return re.fullmatch(matcher.value, "", re.DOTALL) is not None
        case Match.NOT_LIKE:
            return re.fullmatch(matcher.value, "", re.DOTALL) is None


def _check_regex(token: Token) -> None:
    if (found := _NOT_RE2.search(token.text)) is not None:
        raise at(token.position, f"RE2 knows no {found[0]!r}: bad regular expression")
    try:
        re.compile(token.text)
    except re.error as error:
        raise at(token.position, f"bad regular expression ({error})") from error
