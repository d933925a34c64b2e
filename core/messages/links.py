"""Links into the AWS console, to the runbooks and to the actions page, right for every partition."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, urlencode

from core.incidents import instants

LOG_QUERY = "fields @timestamp, @logStream, @message\n| sort @timestamp desc\n| limit 200"
"""What a link to Logs Insights asks: the newest lines of the pinned time."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link as a message lists it: `name` in capitals for mail (`RUNBOOK`), `url` never acts when it is opened."""

    name: str
    url: str

    @property
    def title(self) -> str:
        """`Runbook`."""
        return self.name.capitalize()


def console(region: str) -> str:
    """The console's address for a region: its partition decides the domain."""
    if region.startswith("cn-"):
        return f"https://{region}.console.amazonaws.cn"
    if region.startswith("us-gov-"):
        return f"https://{region}.console.amazonaws-us-gov.com"
    return f"https://{region}.console.aws.amazon.com"


def dashboard(region: str, name: str, *, start: datetime, end: datetime) -> str:
    """The dashboard with its time range pinned."""
    pinned = f"start={instants.show(start)}&end={instants.show(end)}"
    return f"{_home(region, 'cloudwatch')}#dashboards/dashboard/{quote(name, safe='')}?{pinned}"


def alarm(region: str, name: str) -> str:
    """The alarm's own page."""
    return f"{_home(region, 'cloudwatch')}#alarmsV2:alarm/{quote(name, safe='')}"


def logs(region: str, log_group: str, *, start: datetime, end: datetime, query: str = LOG_QUERY) -> str:
    """Logs Insights with `query` on `log_group` and the time range pinned; the console's own nested encoding."""
    values = (
        ("end", f"'{_starred(instants.show(end))}"),
        ("start", f"'{_starred(instants.show(start))}"),
        ("timeType", "'ABSOLUTE"),
        ("tz", "'UTC"),
        ("editorString", f"'{_starred(query)}"),
        ("source", f"(~'{_starred(log_group)})"),
    )
    detail = "~(" + "~".join(f"{name}~{value}" for name, value in values) + ")"
    # quote leaves ~ alone, the console's escape does not.
    escaped = quote(detail, safe="*").replace("~", "%7E")
    outer = quote(f"?queryDetail={escaped}", safe="*").replace("%", "$")
    return f"{_home(region, 'cloudwatch')}#logsV2:logs-insights{outer}"


def endpoint_config(region: str, name: str) -> str:
    """An endpoint configuration's page: what a deployment put into service."""
    return f"{_home(region, 'sagemaker')}#/endpointConfig/{quote(name, safe='')}"


def runbook(base: str, name: str) -> str:
    """The runbook called `name`; empty when there is none."""
    return f"{base.rstrip('/')}/{quote(name, safe='')}.md" if base and name else ""


def action(base: str, incident: str) -> str:
    """The page on which an incident can be silenced; it only shows, whoever opens it. Empty when there is no page."""
    return f"{base.rstrip('?')}?{urlencode({'act': 'silence', 'incident': incident})}" if base and incident else ""


def _home(region: str, service: str) -> str:
    return f"{console(region)}/{service}/home?region={quote(region, safe='')}"


def _starred(text: str) -> str:
    """Percent encoding with stars, so that the outer encodings leave it alone."""
    return quote(text, safe="").replace("%", "*").replace("~", "*7E")
