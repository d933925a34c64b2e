"""Faults, provoked: calls and deliveries that fail for a while, so that what retries can be seen to retry.

They sit where calls are answered, whoever makes them (an SDK, a function, CloudFormation), and where a service of the
embedded AWS delivers to another. A call that fails has had no effect.
"""

import fnmatch
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import UnknownServiceError
from moto.core.utils import get_service_model

from local.errors import ServiceError
from local.journal import Journal

ANY = "*"
"""In the place of an operation: every one of the service."""

_KEYS = ("service", "operation", "error", "message", "status", "resource", "times", "until")
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9.]*")
_TRANSIENT = re.compile(r"Throttl|TooManyRequests|RequestLimitExceeded|ThroughputExceeded|SlowDown|Timeout|TimedOut")
_STATUS = (("ServiceUnavailable", 503), ("SlowDown", 503), ("Internal", 500), ("TooManyRequests", 429))
"""(how a code begins, its HTTP status) where the service's model names none."""


class WrongFault(ValueError):
    """A fault that cannot be had; says which key is wrong and what would be right."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What fails, how, and how long: `times` times, or `until` an instant, or (neither) until it is cleared.

    `service` and `operation` are boto3's names. `resource` ("": any) is a name or an ARN, in which `*` and `?` stand
    for anything. `status` 0 is the status that the error has on AWS.
    """

    service: str
    operation: str
    error: str
    message: str = ""
    status: int = 0
    resource: str = ""
    times: int | None = None
    until: datetime | None = None

    def problem(self) -> ServiceError:
        """The error that a caller gets."""
        message = self.message or f"{self.error}: a fault of the embedded AWS"
        return ServiceError(self.error, message, self.status or _status(self.service, self.error))


class Faults:
    """The faults of one world, in every region. Safe to change while calls are answered."""

    def __init__(self, now: Callable[[], datetime], journal: Journal) -> None:
        """`now` is the clock's."""
        self._now = now
        self._journal = journal
        self._lock = threading.Lock()
        self._hits: dict[int, int] = {}
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Let a fault happen from now on; WrongFault when no call can ever meet it."""
        _check(fault)
        with self._lock:
            self._hits[len(self._faults)] = 0
            self._faults.append(fault)

    def clear(self) -> int:
        """Forget every fault; how many there were."""
        with self._lock:
            count = len(self._faults)
            self._faults.clear()
            self._hits.clear()
            return count

    def listed(self) -> list[dict[str, Any]]:
        """Every fault, over or not, as it was asked for, with how often it happened (`hits`)."""
        with self._lock:
            return [described(fault) | {"hits": self._hits[number]} for number, fault in enumerate(self._faults)]

    @property
    def are_set(self) -> bool:
        """Whether there are any."""
        return bool(self._faults)

    def check(self, service: str, operation: str, resources: Iterable[str] = ()) -> None:
        """Raise ServiceError when a fault is to happen to a call; `resources` are the ARNs that it is about."""
        if not self.are_set:
            return
        arns = tuple(resources)
        with self._lock:
            fault = next(
                (each for each in enumerate(self._faults) if self._meets(*each, service, operation, arns)), None
            )
            if fault is None:
                return
            self._hits[fault[0]] += 1
        self._journal.record("fault", service=service, operation=operation, error=fault[1].error, resources=list(arns))
        raise fault[1].problem()

    def _meets(self, number: int, fault: Fault, service: str, operation: str, arns: tuple[str, ...]) -> bool:
        return (
            fault.service == service
            and fault.operation in (ANY, operation)
            and (fault.times is None or self._hits[number] < fault.times)
            and (fault.until is None or self._now() < fault.until)
            and (not fault.resource or any(_names(fault.resource, arn) for arn in arns))
        )


def is_transient(problem: ServiceError) -> bool:
    """Whether trying again may help: the service failed, or had too much to do."""
    return problem.status >= 500 or problem.status == 429 or _TRANSIENT.search(problem.code) is not None


def read(given: object) -> Fault:
    """The fault that a JSON object asks for; raises WrongFault."""
    if not isinstance(given, Mapping):
        raise WrongFault(f"a fault is a JSON object with {', '.join(_KEYS)}")
    for key in given:
        if key not in _KEYS:
            raise WrongFault(f"{key}: unknown key; known are {', '.join(_KEYS)}")
    for key in ("service", "operation", "error"):
        if not given.get(key):
            raise WrongFault(f"{key}: missing; service, operation and error are needed")
    texts = {
        key: _text(key, given[key]) for key in ("service", "operation", "error", "message", "resource") if key in given
    }
    until = _instant(given["until"]) if given.get("until") is not None else None
    return Fault(**texts, status=_number(given, "status") or 0, times=_number(given, "times"), until=until)


def _check(fault: Fault) -> None:
    try:
        model = get_service_model(fault.service)
    except UnknownServiceError:
        raise WrongFault(f"service: there is no service {fault.service!r}; write it as boto3 does: sqs, sns") from None
    if fault.operation != ANY and fault.operation not in model.operation_names:
        raise WrongFault(f"operation: {fault.service} has no operation {fault.operation!r}; {ANY} is every one")
    if not _CODE.fullmatch(fault.error):
        raise WrongFault(f"error: {fault.error!r} is not an error code such as ThrottlingException")
    if fault.status and not 400 <= fault.status <= 599:
        raise WrongFault(f"status: {fault.status} is not the HTTP status of an error, 400 to 599")
    if fault.times is not None and fault.times < 1:
        raise WrongFault(f"times: {fault.times} is not a number of calls that is 1 or more")
    if fault.times is not None and fault.until is not None:
        raise WrongFault("times, until: give one of them, or none for a fault that lasts until it is cleared")


def described(fault: Fault) -> dict[str, Any]:
    """A fault as `read` takes it."""
    shown = {key: getattr(fault, key) for key in _KEYS if getattr(fault, key)}
    if fault.until is not None:
        shown["until"] = fault.until.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return shown


def _names(wanted: str, arn: str) -> bool:
    return fnmatch.fnmatchcase(arn, wanted) or any(fnmatch.fnmatchcase(arn, f"*{mark}{wanted}") for mark in ":/")


def _status(service: str, code: str) -> int:
    for shape in get_service_model(service).error_shapes:
        if code in (shape.name, shape.error_code):
            status = shape.metadata.get("error", {}).get("httpStatusCode")
            if status:
                return int(status)
    return next((status for start, status in _STATUS if code.startswith(start)), 400)


def _text(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise WrongFault(f"{key}: {value!r} is not a text")
    return value


def _number(given: Mapping[str, Any], key: str) -> int | None:
    value = given.get(key)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise WrongFault(f"{key}: {value!r} is not a whole number")
    return value


def _instant(value: object) -> datetime:
    try:
        instant = datetime.fromisoformat(str(value))
    except ValueError:
        raise WrongFault(f"until: {value!r} is not an ISO 8601 instant such as 2026-11-20T10:00:00Z") from None
    if instant.tzinfo is None:
        raise WrongFault(f"until: {value!r} has no time zone; write 2026-11-20T10:00:00Z")
    return instant
