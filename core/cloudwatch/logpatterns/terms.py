"""Term patterns: `ERROR "out of memory" -DEBUG`, `?ERROR ?WARN`, `%regular expression%`."""

import re
from collections.abc import Callable

from core.cloudwatch.logpatterns.tokens import Matched, PatternError, unescaped

_TERM = re.compile(r'\s*([-?]?)(?:"((?:[^"\\]|\\.)*)"|%((?:[^%\\]|\\.)+)%|([^\s"%]+))(?=\s|$)')


def parse(pattern: str) -> Callable[[str], Matched | None]:
    """A pattern of terms; the empty one matches every event. Raises PatternError.

    Where terms with `?` stand beside others, CloudWatch Logs passes over them.
    """
    needed: list[re.Pattern[str]] = []
    either: list[re.Pattern[str]] = []
    without: list[re.Pattern[str]] = []
    at = 0
    while pattern[at:].strip():
        found = _TERM.match(pattern, at)
        if found is None:
            raise PatternError(f"at {at + 1}: {pattern[at : at + 10].strip()!r} is not a term; quote what is no word")
        sign, quoted, regex, word = found.groups()
        try:
            text = unescaped(quoted) if quoted is not None else word
            term = re.compile(regex if regex is not None else re.escape(text))
        except re.error as error:
            raise PatternError(f"at {at + 1}: {regex!r} is not a regular expression: {error}") from None
        {"": needed, "?": either, "-": without}[sign].append(term)
        at = found.end()

    def match(message: str) -> Matched | None:
        if any(term.search(message) for term in without) or not all(term.search(message) for term in needed):
            return None
        if either and not needed and not any(term.search(message) for term in either):
            return None
        return Matched()  # a term has no fields to refer to

    return match
