"""Which of an alarm's tags go along with its notifications and events.

API reference, AlarmTagsPropagation; User Guide, Alarm tags in action payloads: all of them, those of IncludedTagKeys,
or all but ExcludedTagKeys, and never a tag of AWS's own.
"""

from collections.abc import Mapping
from typing import Any

from core.cloudwatch.limits import MAX_PROPAGATED_KEYS, MAX_TAG_KEY
from core.cloudwatch.refusal import validation

_LISTS = ("IncludedTagKeys", "ExcludedTagKeys")


def check(params: Mapping[str, Any]) -> None:
    """Refuse an ActionConfiguration that no alarm may have."""
    propagation = _propagation(params)
    if propagation is None:
        return
    if not isinstance(propagation.get("Enabled"), bool):
        raise validation("ActionConfiguration.AlarmTagsPropagation.Enabled is required: true or false")
    given = [field for field in _LISTS if propagation.get(field) is not None]
    if len(given) > 1:
        raise validation("IncludedTagKeys and ExcludedTagKeys cannot be specified together")
    for field in given:
        keys = propagation[field]
        if not 1 <= len(keys) <= MAX_PROPAGATED_KEYS:
            raise validation(f"{field} must have 1 to {MAX_PROPAGATED_KEYS} entries, not {len(keys)}")
        if any(not 1 <= len(key) <= MAX_TAG_KEY for key in keys):
            raise validation(f"{field}: a tag key has 1 to {MAX_TAG_KEY} characters")


def propagated(params: Mapping[str, Any], tags: Mapping[str, str]) -> dict[str, str] | None:
    """The tags to send along; None where the alarm sends none."""
    propagation = _propagation(params)
    if propagation is None or not propagation["Enabled"]:
        return None
    included, excluded = (propagation.get(field) for field in _LISTS)
    return {
        key: value
        for key, value in tags.items()
        if not key.startswith("aws:")
        and (included is None or key in included)
        and (excluded is None or key not in excluded)
    }


def _propagation(params: Mapping[str, Any]) -> Mapping[str, Any] | None:
    configuration: Mapping[str, Any] = params.get("ActionConfiguration") or {}
    return configuration.get("AlarmTagsPropagation")
