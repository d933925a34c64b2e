"""The dashboard operations."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.cloudwatch import dashboards as rules
from core.cloudwatch.limits import MAX_DASHBOARD_NAMES, MAX_LISTED_DASHBOARDS
from core.cloudwatch.refusal import Refusal, invalid_value
from local.cloudwatch import paging
from local.cloudwatch.tags import Tags

Params = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A dashboard; `body` is kept as it was sent."""

    name: str
    arn: str
    body: str
    modified: datetime


class Dashboards:
    """Dashboards are the account's, not a region's: their ARNs name no region."""

    def __init__(self, now: Callable[[], datetime], account: str, tags: Tags) -> None:
        self._now = now
        self._account = account
        self._tags = tags
        self.by_name: dict[str, Dashboard] = {}

    def put(self, params: Params) -> dict[str, Any]:
        """PutDashboard: errors refuse the call, warnings come back with the made dashboard."""
        name, body = params.get("DashboardName"), params.get("DashboardBody")
        if not isinstance(name, str) or not rules.is_name(name):
            raise _invalid(
                f"The value {name} for field DashboardName contains invalid characters. It can only "
                "contain alphanumerics, dash (-) and underscore (_)."
            )
        if not isinstance(body, str) or not body:
            raise _invalid("The field DashboardBody must be a valid JSON object")
        findings = rules.check(body)
        errors = tuple(found for found in findings if found.is_error)
        if errors:
            raise _invalid(rules.refusal_message(errors))
        arn = self.arn(name)
        if name not in self.by_name:
            self._tags.put(arn, params.get("Tags") or [])
        self.by_name[name] = Dashboard(name, arn, body, self._now())
        warnings = [{"DataPath": found.path, "Message": found.message} for found in findings]
        return {"DashboardValidationMessages": warnings}

    def get(self, params: Params) -> dict[str, Any]:
        """GetDashboard."""
        found = self._known(params.get("DashboardName") or "")
        return {"DashboardArn": found.arn, "DashboardBody": found.body, "DashboardName": found.name}

    def listed(self, params: Params) -> dict[str, Any]:
        """ListDashboards."""
        prefix = params.get("DashboardNamePrefix") or ""
        found = [self.by_name[name] for name in sorted(self.by_name) if name.startswith(prefix)]
        page, token = paging.page(found, MAX_LISTED_DASHBOARDS, params.get("NextToken"))
        entries = [
            {
                "DashboardName": one.name,
                "DashboardArn": one.arn,
                "LastModified": one.modified.timestamp(),
                "Size": len(one.body.encode()),
            }
            for one in page
        ]
        return {"DashboardEntries": entries, **({"NextToken": token} if token else {})}

    def delete(self, params: Params) -> dict[str, Any]:
        """DeleteDashboards: all of them, or none if one is not there."""
        names = params.get("DashboardNames") or []
        if not 1 <= len(names) <= MAX_DASHBOARD_NAMES:
            raise invalid_value(f"DashboardNames must have 1 to {MAX_DASHBOARD_NAMES} entries, not {len(names)}")
        for found in [self._known(name) for name in names]:
            self._tags.forget(found.arn)
            del self.by_name[found.name]
        return {}

    def arn(self, name: str) -> str:
        """The ARN of a dashboard."""
        return f"arn:aws:cloudwatch::{self._account}:dashboard/{name}"

    def _known(self, name: str) -> Dashboard:
        found = self.by_name.get(name)
        if found is None:
            raise Refusal("ResourceNotFound", f"Dashboard {name} does not exist")
        return found


def _invalid(message: str) -> Refusal:
    return Refusal("InvalidParameterInput", message)
