"""A PromQL tree as text that parses to the same tree."""

from core.cloudwatch.promql.tokens import spelled
from core.cloudwatch.promql.tree import (
    Aggregation,
    Call,
    Expression,
    Matching,
    Negation,
    Number,
    Operation,
    Selector,
    Subquery,
    Text,
)


def render(expression: Expression) -> str:
    """Text with every operation in brackets."""
    match expression:
        case Number(value):
            return repr(value).replace("inf", "Inf").replace("nan", "NaN")
        case Text(value):
            return _quoted(value)
        case Selector(matchers, range_ms, offset_ms, pinned):
            inner = ", ".join(f"{_quoted(one.name)}{one.match}{_quoted(one.value)}" for one in matchers)
            range_ = "" if range_ms is None else f"[{spelled(range_ms)}]"
            return f"{{{inner}}}{range_}{_moved(offset_ms, pinned)}"
        case Subquery(operand, length, step_ms, offset_ms, pinned):
            step = "" if step_ms is None else spelled(step_ms)
            return f"({render(operand)})[{spelled(length)}:{step}]{_moved(offset_ms, pinned)}"
        case Negation(operand):
            return f"(-{render(operand)})"
        case Operation(operator, left, right, gives_bool, matching):
            modifiers = f"{' bool' if gives_bool else ''}{_matching(matching)}"
            return f"({render(left)} {operator}{modifiers} {render(right)})"
        case Aggregation(operator, operand, parameter, without, labels):
            arguments = ", ".join(render(one) for one in (parameter, operand) if one is not None)
            clause = f" {'without' if without else 'by'} {_labels(labels)}" if without or labels else ""
            return f"{operator}{clause}({arguments})"
        case Call(function, arguments):
            return f"{function}({', '.join(render(argument) for argument in arguments)})"


def _moved(offset_ms: int, pinned: str) -> str:
    pin = f" @ {pinned}" if pinned else ""
    return f"{pin} offset {spelled(offset_ms)}" if offset_ms else pin


def _matching(matching: Matching) -> str:
    if not matching.on and not matching.labels and not matching.group:
        return ""
    text = f" {'on' if matching.on else 'ignoring'} {_labels(matching.labels)}"
    return f"{text} {matching.group} {_labels(matching.include)}" if matching.group else text


def _labels(labels: tuple[str, ...]) -> str:
    return f"({', '.join(_quoted(label) for label in labels)})"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
