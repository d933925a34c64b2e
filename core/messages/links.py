"""Links into the AWS console and to the runbooks, right for every partition."""

from datetime import datetime
from urllib.parse import quote

from core.incidents import instants


def console(region: str) -> str:
    """The console's address for a region: its partition decides the domain."""
    if region.startswith("cn-"):
        return f"https://{region}.console.amazonaws.cn"
    if region.startswith("us-gov-"):
        return f"https://{region}.console.amazonaws-us-gov.com"
    return f"https://{region}.console.aws.amazon.com"


def dashboard(region: str, name: str, *, start: datetime, end: datetime) -> str:
    """The dashboard with its time range pinned."""
    place = f"{console(region)}/cloudwatch/home?region={quote(region, safe='')}"
    pinned = f"start={instants.show(start)}&end={instants.show(end)}"
    return f"{place}#dashboards/dashboard/{quote(name, safe='')}?{pinned}"


def runbook(base: str, name: str) -> str:
    """The runbook called `name`; empty when there is none."""
    return f"{base.rstrip('/')}/{quote(name, safe='')}.md" if base and name else ""
