"""Configurations that tests of the catalogue share."""

from pathlib import Path

from core.catalogue.platform import PlatformNames
from core.config import Config, load

ROOT = Path(__file__).parents[2]

DEPLOYMENT = """
[deployment]
stage = "test"
owner = "ml-platform"
runbooks = "https://example.com/runbooks"
"""

ENDPOINT = """
[[endpoints]]
name = "ranker"
instance_type = "ml.g5.12xlarge"
p99_ms = 250
"""

GPU_HOST = """
[[hosts]]
name = "train"
instance_id = "i-0123456789abcdef0"
gpus = 8
"""

NAMES = PlatformNames(
    functions={"router": "router-1a2b", "recommender": "recommender-3c4d"},
    dead_letters={"events": "events-dlq", "reports": "reports-dlq"},
    topics={"critical": "critical-topic", "warning": "warning-topic", "info": "info-topic"},
)


SUBSCRIBER = """
[[notifications.subscriptions]]
protocol = "email"
endpoint = "oncall@example.com"
"""


def configured(*sections: str) -> Config:
    """A configuration of the given TOML sections behind a deployment, with a subscriber unless they say who is told."""
    told = any("notifications.subscriptions" in section for section in sections)
    return load("\n".join([DEPLOYMENT, *sections, *([] if told else [SUBSCRIBER])]))


def shipped(name: str) -> Config:
    """A configuration of the repository."""
    return load((ROOT / "config" / name).read_text())
