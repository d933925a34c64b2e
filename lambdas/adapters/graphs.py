"""Graphs for chats: an alarm's metrics, their drawing, and where a chat fetches it.

AWS calls: DescribeAlarms, GetMetricWidgetImage, PutObject; GetObject by whoever has the address.
"""

import json
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

VALID = timedelta(minutes=45)
"""Of an address; a chat fetches at once. It ends with the role's session too, at the latest after hours."""
FOLDER = "graphs"
BRIEF = Config(connect_timeout=1, read_timeout=3, retries={"total_max_attempts": 1})
"""The message waits for its graph, so nothing is tried twice."""
ADDRESSED = Config(
    signature_version="s3v4", s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"}
)
"""The global host name sends requests for a young bucket elsewhere, where the signature does not hold."""


def alarm(name: str) -> Mapping[str, Any] | None:
    """A metric alarm as DescribeAlarms gives it; None where there is none of that name."""
    found = client("cloudwatch").describe_alarms(AlarmNames=[name], AlarmTypes=["MetricAlarm"])["MetricAlarms"]
    return found[0] if found else None


def draw(widget: Mapping[str, Any]) -> bytes:
    """The widget as a PNG."""
    text = json.dumps(widget, ensure_ascii=False, separators=(",", ":"))
    image: bytes = client("cloudwatch").get_metric_widget_image(MetricWidget=text)["MetricWidgetImage"]
    return image


def keep(bucket: str, name: str, image: bytes) -> str:
    """Put the image into the bucket; an address from which it can be fetched while VALID."""
    place = {"Bucket": bucket, "Key": f"{FOLDER}/{name}.png"}
    s3 = client("s3")
    s3.put_object(**place, Body=image, ContentType="image/png")
    return str(s3.generate_presigned_url("get_object", Params=place, ExpiresIn=int(VALID.total_seconds())))


@cache
def client(service: str) -> Any:
    """The client of `service` that waits briefly."""
    config = BRIEF.merge(ADDRESSED) if service == "s3" else BRIEF
    return boto3.client(service, config=config)
