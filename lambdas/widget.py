"""The dashboards' incident widget: open incidents as HTML, or a description of itself.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/add_custom_widget_dashboard_samples.html
"""

import os
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger

from core.channels import listing
from core.settings import Widget
from lambdas.adapters import audit

DESCRIPTION = """## Open incidents
The incidents of one mlwarden deployment that run, worst first: age, subject, owner and most likely cause.

### Widget parameters
| name | what it does |
|---|---|
| `owner` | shows only the incidents of this owner |

### Example parameters
``` yaml
owner: ml-platform
```
"""

log = Logger(service="widget")


def handle(event: dict[str, Any], context: object) -> str | dict[str, str]:
    """HTML for the dashboard; its description as Markdown where the event asks for that."""
    if "describe" in event:
        return {"markdown": DESCRIPTION}
    settings = Widget.from_environment(os.environ)
    now = datetime.now(UTC)
    owner = str(event.get("owner") or "")
    lines = tuple(line for line in audit.running(settings.table) if not owner or line.owner == owner)
    log.info("widget drawn", extra={"incidents": len(lines)})
    return listing.html(lines, now)
