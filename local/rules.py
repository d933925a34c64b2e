"""What EventBridge refuses of rules and targets. Pure.

Sources: the API reference's PutRule and PutTargets, and
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from local import inputs, patterns
from local.errors import ServiceError
from local.schedules import ScheduleError, parse

MAX_RULES = 300
"""On a bus, in most regions; AWS raises it on request."""
MAX_TARGETS = 5
"""Of a rule."""

Params = Mapping[str, Any]


def check_rule(params: Params, names: Collection[str]) -> None:
    """Refuse a PutRule; `names` are the rules that its bus has. Raises ServiceError."""
    if text := params.get("EventPattern"):
        pattern(str(text))
    if expression := params.get("ScheduleExpression"):
        try:
            parse(str(expression))
        except ScheduleError as error:
            raise _invalid(f"Parameter ScheduleExpression is not valid. {error}") from None
    if params.get("Name") not in names and len(names) >= MAX_RULES:
        raise _too_many()


def check_targets(params: Params, present: Sequence[Params], region: str) -> None:
    """Refuse a PutTargets whole; `present` are the targets that the rule has. Raises ServiceError."""
    targets = params.get("Targets") or ()
    for target in targets:
        inputs.check(target)
        if queue := (target.get("DeadLetterConfig") or {}).get("Arn"):
            _check_dead_letters(str(queue), region)
    if len({target.get("Id") for target in (*present, *targets)}) > MAX_TARGETS:
        raise _too_many()


def pattern(text: str) -> patterns.Pattern:
    """Read an event pattern; raises ServiceError."""
    if len(text) > patterns.MAX_LENGTH:
        raise _invalid(
            "1 validation error detected: Value at 'eventPattern' failed to satisfy constraint: Member must have "
            f"length less than or equal to {patterns.MAX_LENGTH}"
        )
    try:
        return patterns.read(text)
    except patterns.PatternError as error:
        raise ServiceError("InvalidEventPatternException", f"Event pattern is not valid. Reason: {error}") from None


def _check_dead_letters(arn: str, region: str) -> None:
    """A standard queue of the rule's region: eb-rule-dlq.html."""
    service, where = (arn.split(":") + [""] * 4)[2:4]
    if service != "sqs":
        raise _invalid(f"{service or arn} is not supported as a dead letter resource.")
    if arn.endswith(".fifo"):
        raise _invalid("SQS FIFO is not supported by Dead Letter Queues.")
    if where != region:
        raise _invalid(f"The dead letter queue {arn} must be in the rule's region, {region}.")


def _too_many() -> ServiceError:
    return ServiceError("LimitExceededException", "The requested resource exceeds the maximum number allowed.")


def _invalid(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)
