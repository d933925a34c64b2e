"""Which series PromQL's label matchers select."""

import re
from collections.abc import Iterable
from functools import lru_cache

from core.cloudwatch.promql.samples import Labels
from core.cloudwatch.promql.tree import Match, Matcher


def selects(matchers: Iterable[Matcher], labels: Labels) -> bool:
    """Whether labels satisfy all matchers; a label that is not there is the empty string."""
    known = dict(labels)
    return all(_holds(one, known.get(one.name, "")) for one in matchers)


def _holds(matcher: Matcher, value: str) -> bool:
    match matcher.match:
        case Match.EQUAL:
            return value == matcher.value
        case Match.NOT_EQUAL:
            return value != matcher.value
        case Match.LIKE:
            return _pattern(matcher.value).fullmatch(value) is not None
        case Match.NOT_LIKE:
            return _pattern(matcher.value).fullmatch(value) is None


@lru_cache(maxsize=1024)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.DOTALL)
