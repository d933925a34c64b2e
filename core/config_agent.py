"""The [agent] part of the configuration: what deployed agents do, as SSM tells them."""

import json
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

MOST_CHARACTERS = 4096
"""Of a standard parameter (Systems Manager, PutParameter)."""

Port = Annotated[int, Meta(ge=0, le=65535, description="on 127.0.0.1 alone; 0: none")]


class Page(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A Prometheus page that each host's agent reads: `metrics` may have `*` and `?`, `labels` become dimensions."""

    url: Annotated[
        str, Meta(pattern=r"^https?://[^/?#\s]+\S*$", extra={"right": "a page such as http://127.0.0.1:9400/metrics"})
    ]
    metrics: Annotated[tuple[str, ...], Meta(min_length=1)]
    labels: tuple[str, ...] = ()
    every_seconds: Annotated[int, Meta(ge=1, le=300)] = 15


class Agent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the agents of a stage do; they publish each minute, the period of their alarms.

    `target_tag` selects EC2 instances for State Manager. The other keys are the agent's own (agent/README.md).
    """

    sample_seconds: Annotated[int, Meta(ge=1, le=60)] = 5
    # An alarm takes ten queries: five disks and the four comparisons between them.
    disk_paths: Annotated[tuple[str, ...], Meta(min_length=1, max_length=5)] = ("/",)
    target_tag: Annotated[
        str,
        Meta(
            pattern=r"^(?!aws:)[\w .:/=+@-]{1,128}$",
            extra={"right": "a tag key of at most 128 characters that does not begin with aws:"},
        ),
    ] = "mlwarden"
    tier: Literal["lean", "standard", "full"] = "standard"
    most_series: Annotated[int, Meta(ge=10, le=100_000, description="a host may have within an hour")] = 500
    gpus: Annotated[int, Meta(ge=0, le=1024, description="that each host should have; 0: as many as its bus has")] = 0
    files: Annotated[tuple[str, ...], Meta(description="whose age is measured, on each host")] = ()
    high_resolution: Annotated[tuple[str, ...], Meta(description="metrics with a datum a second")] = ()
    spool_megabytes: Annotated[int, Meta(ge=1, le=100_000)] = 128
    statsd_port: Port = 0
    statsd_tags: Annotated[tuple[str, ...], Meta(description="that become dimensions")] = ()
    otlp_port: Port = 0
    otlp_attributes: Annotated[tuple[str, ...], Meta(description="that become dimensions")] = ()
    scrape: tuple[Page, ...] = ()


def settings(agent: Agent) -> str:
    """The agents' own configuration (agent/config.py), JSON, as SSM keeps it."""
    keys = msgspec.to_builtins(agent)
    del keys["target_tag"]
    return json.dumps(keys, indent=1)


def problems(agent: Agent) -> list[str]:
    """What is wrong with all of it together."""
    length = len(settings(agent))
    if length <= MOST_CHARACTERS:
        return []
    return [f"agent: {length} characters of settings for SSM; at most {MOST_CHARACTERS} would be right"]
