"""What a rule's target receives of an event: input paths and input transformers, checked and carried out. Pure.

Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html and the API reference's
PutTargets, whose lengths and characters its model states; the words of the refusals are EventBridge's.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from jsonpath_ng.exceptions import JSONPathError
from jsonpath_ng.ext.parser import parse as json_path

from local.errors import ServiceError

Event = dict[str, Any]

PREDEFINED = frozenset(
    {
        "aws.events.rule-arn",
        "aws.events.rule-name",
        "aws.events.event",
        "aws.events.event.ingestion-time",
        "aws.events.event.json",
    }
)
WHOLE = "aws.events.event.json"

_KINDS = ("Input", "InputPath", "InputTransformer")
_VARIABLE = re.compile(r"<([A-Za-z0-9_.-]+)>")
_QUOTED = re.compile(r"\[\s*['\"]")


def check(target: Mapping[str, Any]) -> None:
    """Refuse a target's input as PutTargets does: ServiceError (ValidationException)."""
    name = target.get("Id")
    if sum(target.get(kind) is not None for kind in _KINDS) > 1:
        raise _invalid(f"Only one of Input, InputPath, or InputTransformer must be provided for target {name}.")
    if (constant := target.get("Input")) is not None and not _is_json(constant):
        raise _invalid(f"JSON syntax error in input for target {name}.")
    transformer = target.get("InputTransformer") or {}
    paths = transformer.get("InputPathsMap") or {}
    for path in (target.get("InputPath"), *paths.values()):
        if path is not None and not _is_path(path):
            raise _invalid(f"InputPath for target {name} is invalid.")
    template = str(transformer.get("InputTemplate", ""))
    for variable in _VARIABLE.findall(template):
        if variable not in PREDEFINED and variable not in paths:
            raise _invalid(f"InputTemplate for target {name} contains invalid placeholder {variable}.")
        if variable == WHOLE and not template.lstrip().startswith("{"):
            raise _invalid(
                f"InputTemplate for target {name} contains placeholder {WHOLE} valid only for JSON template."
            )


def shaped(target: Mapping[str, Any], event: Event, rule_arn: str) -> str:
    """What a target receives: the whole event, a constant, a part of it, or a template filled from it."""
    if (constant := target.get("Input")) is not None:
        return str(constant)
    if path := target.get("InputPath"):
        return json.dumps(_at(path, event))
    if transformer := target.get("InputTransformer"):
        return _transform(transformer, event, rule_arn)
    return json.dumps(event)


def _transform(transformer: Mapping[str, Any], event: Event, rule_arn: str) -> str:
    """Fill a template. A text replaces its variable bare within quotes and quoted outside of them, as AWS does."""
    template = str(transformer["InputTemplate"])
    values = {name: _at(path, event) for name, path in (transformer.get("InputPathsMap") or {}).items()}
    values |= {
        "aws.events.rule-arn": rule_arn,
        "aws.events.rule-name": rule_arn.split("/")[-1],
        "aws.events.event.ingestion-time": event["time"],
        "aws.events.event": {key: value for key, value in event.items() if key != "detail"},
        WHOLE: event,
    }

    def fill(match: re.Match[str]) -> str:
        if match[1] not in values:
            return match[0]
        value = values[match[1]]
        written = json.dumps(value)
        inside = len(re.findall(r'(?<!\\)"', template[: match.start()])) % 2 == 1
        if not inside:
            return written
        if value is None:
            return ""
        return written[1:-1] if isinstance(value, str) else json.dumps(written)[1:-1]

    return _VARIABLE.sub(fill, template)


def _at(path: str, event: Event) -> Any:
    """The value at a path; of a path that may lead to several (`*`, `..`), the list of them."""
    found = [match.value for match in json_path(path).find(event)]
    if "*" in path or ".." in path:
        return found
    return found[0] if found else None


def _is_path(path: str) -> bool:
    """EventBridge's paths begin with `$` and have numbers and `*` in their brackets, never quotes."""
    if not path.startswith("$") or _QUOTED.search(path):
        return False
    try:
        json_path(path)
    except JSONPathError:
        return False
    return True


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _invalid(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)
