"""S3: the reports.

AWS call: PutObject.
"""

import json
from typing import Any

from lambdas.adapters.clients import client


def put(bucket: str, key: str, data: dict[str, Any]) -> str:
    """Keep the report and return where it lies; a day's second report replaces its first."""
    body = json.dumps(data, ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False)
    client("s3").put_object(Bucket=bucket, Key=key, Body=body.encode(), ContentType="application/json")
    return f"s3://{bucket}/{key}"
