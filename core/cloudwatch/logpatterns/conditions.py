"""JSON patterns: `{ ($.level = "ERROR" && $.latency > 100) || $.error NOT EXISTS }`."""

import json
import re
from collections.abc import Callable
from typing import Any

from core.cloudwatch.logpatterns.tokens import Kind, Matched, PatternError, Reader, Test, comparison, joined

_STEP = re.compile(r"""\.([^.\[\]]+)|\[(\d+)\]|\[(\*)\]|\['([^']*)'\]|\["([^"]*)"\]""")


def parse(pattern: str) -> Callable[[str], Matched | None]:
    """A pattern in braces. Raises PatternError."""
    reader = Reader(pattern)
    reader.expect("{")
    test = joined(reader, _condition)
    reader.expect("}")
    if reader.now.text:
        raise reader.unexpected("the end")

    selectors = reader.of(Kind.SELECTOR)

    def match(message: str) -> Matched | None:
        try:
            document = json.loads(message)
        except ValueError:
            return None
        if not isinstance(document, dict) or not test(document):
            return None

        def find(reference: str) -> Any:
            return next((value for value in values(document, reference) if value is not None), None)

        extracted = {selector: _text(value) for selector in selectors if (value := find(selector)) is not None}
        return Matched(find, extracted)

    return match


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def values(document: Any, selector: str) -> list[Any]:
    """What a selector (`$.items[0].price`, `$.items[*].price`) finds in a document; [] for nothing."""
    if not selector.startswith(("$.", "$[")):
        return []
    found = [document]
    for step in _STEP.finditer(selector, 1):
        name, index, star, quoted, also = step.groups()
        if star:
            found = [each for value in found if isinstance(value, list) for each in value]
        elif index is not None:
            at = int(index)
            found = [value[at] for value in found if isinstance(value, list) and at < len(value)]
        else:
            key = next(each for each in (name, quoted, also) if each is not None)
            found = [value[key] for value in found if isinstance(value, dict) and key in value]
    return found


def _condition(reader: Reader) -> Test:
    selector = reader.take()
    if selector.kind is not Kind.SELECTOR or len(selector.text) < 2:
        raise PatternError(f"at {selector.at + 1}: expected a property selector such as $.level")
    path = selector.text
    if reader.skip("IS"):
        for word, wanted in (("NULL", None), ("TRUE", True), ("FALSE", False)):
            if reader.skip(word):
                return _is(path, wanted)
        raise reader.unexpected("NULL, TRUE or FALSE")
    if reader.skip("NOT"):
        reader.expect("EXISTS")
        return lambda document: not values(document, path)
    if reader.skip("EXISTS"):
        return lambda document: bool(values(document, path))
    test = comparison(reader)
    return lambda document: any(test(value) for value in values(document, path))


def _is(path: str, wanted: bool | None) -> Test:
    return lambda document: any(value is wanted for value in values(document, path))
