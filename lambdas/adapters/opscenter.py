"""OpsCenter: an OpsItem an incident, resolved with it.

The deduplication string makes a second CreateOpsItem of one incident answer with the first one's id.
https://docs.aws.amazon.com/systems-manager/latest/userguide/OpsCenter-working-deduplication.html
AWS calls: CreateOpsItem, UpdateOpsItem.
"""

from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from core.channels.outcome import Outcome, refused, retry, sent
from lambdas.adapters.clients import client

SERVICE = "OpsCenter"
_CHANGED = ("Title", "Description", "Severity", "Status")
_EXISTS = "OpsItemAlreadyExistsException"
_REFUSED = frozenset(
    {
        "AccessDeniedException",
        "OpsItemAccessDeniedException",
        "OpsItemInvalidParameterException",
        "OpsItemNotFoundException",
        "ValidationException",
    }
)


def write(item: Mapping[str, Any], *, reference: str = "") -> Outcome:
    """Create the incident's OpsItem (`item` as CreateOpsItem takes it), or bring the one named `reference` up to date.

    The outcome's reference is the OpsItem's id.
    """

    def call() -> str:
        if reference:
            return _update(reference, item)
        identity, created = _create(item)
        return identity if created else _update(identity, item)

    return _judged(call)


def close(changes: Mapping[str, Any], reference: str) -> Outcome:
    """Resolve the OpsItem named `reference`, with what else UpdateOpsItem is to change."""
    return _judged(lambda: _update(reference, changes))


def _judged(call: Callable[[], str]) -> Outcome:
    try:
        return sent(call())
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", "Unknown"))
        said = f"{SERVICE} answered {code}"
        return refused(said) if code in _REFUSED else retry(said)
    except BotoCoreError as error:
        return retry(f"{SERVICE}: {type(error).__name__}")


def _create(item: Mapping[str, Any]) -> tuple[str, bool]:
    """The OpsItem's id, and whether it is new."""
    try:
        return str(client("ssm").create_ops_item(**item)["OpsItemId"]), True
    except ClientError as error:
        found = str(error.response.get("OpsItemId", ""))
        if error.response.get("Error", {}).get("Code") != _EXISTS or not found:
            raise
        return found, False


def _update(identity: str, item: Mapping[str, Any]) -> str:
    """Change what UpdateOpsItem takes of the item; AWS's own operational data were set at creation."""
    changes = {name: item[name] for name in _CHANGED if name in item}
    data = {key: value for key, value in item.get("OperationalData", {}).items() if not key.startswith("/aws/")}
    changes |= {"OperationalData": data} if data else {}
    client("ssm").update_ops_item(OpsItemId=identity, **changes)
    return identity
