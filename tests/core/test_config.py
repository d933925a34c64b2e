import json
import re
import tomllib
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config import (
    Config,
    ConfigError,
    Deployment,
    Endpoint,
    EndpointThresholds,
    Host,
    HostThresholds,
    Platform,
    Recommendations,
    load,
    schema,
)
from core.config_agent import Agent
from core.config_notifications import Notifications, Subscription
from tests.core.configurations import DEPLOYMENT, ENDPOINT, GPU_HOST, ROOT, SUBSCRIBER, configured, shipped

STRUCTS = (
    Agent, Deployment, Endpoint, EndpointThresholds, Host, HostThresholds, Notifications, Platform, Recommendations,
    Subscription,
)  # fmt: skip
RETENTION = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)


def problems(*sections: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        configured(*sections)
    return str(caught.value).splitlines()


def endpoint(**keys: object) -> str:
    values = {"name": "ranker", "instance_type": "ml.m5.xlarge", "p99_ms": 100, **keys}
    return "\n".join(["[[endpoints]]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())])


def host(**keys: object) -> str:
    values = {"name": "box", **keys}
    return "\n".join(["[[hosts]]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())])


def subscription(protocol: str, address: str) -> str:
    return f'[[notifications.subscriptions]]\nprotocol = "{protocol}"\nendpoint = "{address}"'


def test_the_smallest_configuration_takes_all_defaults():
    config = load(DEPLOYMENT + SUBSCRIBER)

    assert Config(config.deployment, Notifications(subscriptions=config.notifications.subscriptions)) == config


def test_whole_numbers_are_good_where_a_number_is_wanted():
    config = configured(ENDPOINT)

    assert 250.0 == config.endpoints[0].p99_ms


def test_an_unknown_key_is_named_with_its_path_and_the_key_that_was_meant():
    found = problems(ENDPOINT, endpoint(name="other", p99=5))

    (problem,) = found
    assert problem.startswith("endpoints[1].p99: unknown key; known: name, instance_type, p99_ms")
    assert problem.endswith("did you mean p99_ms?")


def test_an_unknown_section_is_named():
    (problem,) = problems("[endpoint_treshold]\ncpu_percent = 5")

    assert problem.startswith("endpoint_treshold: unknown key; known: deployment, notifications")
    assert problem.endswith("did you mean endpoint_thresholds?")


def test_a_missing_key_is_named():
    with pytest.raises(ConfigError, match=r"^deployment\.stage: missing; it has no default$"):
        load('[deployment]\nowner = "a"\nrunbooks = "https://example.com"')


@pytest.mark.parametrize(
    "section, message",
    [
        (
            "[agent]\nsample_seconds = '5'",
            'agent.sample_seconds: "5" has the wrong type; a whole number would be right',
        ),
        (
            "[agent]\nsample_seconds = 5.0",
            "agent.sample_seconds: 5.0 has the wrong type; a whole number would be right",
        ),
        (
            "[agent]\nsample_seconds = true",
            "agent.sample_seconds: true has the wrong type; a whole number would be right",
        ),
        ("[agent]\ntarget_tag = 5", "agent.target_tag: 5 has the wrong type; text in quotes would be right"),
        ("[agent]\ndisk_paths = '/'", 'agent.disk_paths: "/" is not an array; ["/"] would be right'),
        ("[agent]\ndisk_paths = [1]", "agent.disk_paths[0]: 1 has the wrong type; text in quotes would be right"),
        ("[agent]\ndisk_paths = []", "agent.disk_paths: is empty; at least 1 would be right"),
        ("agent = 5", "agent: 5 is not a table; keys such as agent.… would be right"),
        ("[[agent]]", "agent: an array is not a table; keys such as agent.… would be right"),
        ("[endpoints]\nname = 'x'", "endpoints: a table is not an array; [a table] would be right"),
        (
            "[platform]\nlog_retention_days = 30.0",
            "platform.log_retention_days: 30.0 is not one of " + ", ".join(map(str, RETENTION)),
        ),
        (
            "[platform]\nlog_retention_days = true",
            "platform.log_retention_days: true is not one of " + ", ".join(map(str, RETENTION)),
        ),
    ],
)
def test_a_wrong_type_is_named_with_the_right_one(section, message):
    text = f"{section}\n{DEPLOYMENT}" if section.startswith("agent") else f"{DEPLOYMENT}\n{section}"

    with pytest.raises(ConfigError) as caught:
        load(text)

    assert message == str(caught.value)


@pytest.mark.parametrize(
    "section, start",
    [
        (
            "[endpoint_thresholds]\ncpu_percent = 850",
            "endpoint_thresholds.cpu_percent: 850 is out of range; at least 1",
        ),
        ("[endpoint_thresholds]\nerror_rate_percent = 0", "endpoint_thresholds.error_rate_percent: 0 is out of range"),
        ("[endpoint_thresholds]\nmemory_percent = nan", "endpoint_thresholds.memory_percent: nan is out of range"),
        ("[endpoint_thresholds]\nsilence_minutes = 2000", "endpoint_thresholds.silence_minutes: 2000 is out of range"),
        ("[host_thresholds]\ngpu_temperature_celsius = 185", "host_thresholds.gpu_temperature_celsius: 185 is out"),
        (
            "[notifications]\ngroup_wait_seconds = 901",
            "notifications.group_wait_seconds: 901 is out of range; at least 0",
        ),
        (
            "[platform]\nheartbeat_minutes = 0",
            "platform.heartbeat_minutes: 0 is out of range; at least 1 and at most 60",
        ),
        ("[platform]\nlog_retention_days = 31", "platform.log_retention_days: 31 is not one of 1, 3, 5"),
        ("[agent]\nsample_seconds = 61", "agent.sample_seconds: 61 is out of range"),
        ("[agent]\ndisk_paths = ['/a', '/b', '/c', '/d', '/e', '/f']", "agent.disk_paths: has 6 entries; at most 5"),
        ("[agent]\ndisk_paths = ['data']", 'agent.disk_paths[0]: "data" is malformed; an absolute path such as /data'),
        ("[agent]\nfiles = ['/è']", 'agent.files[0]: "/è" is malformed; an absolute path such as /data'),
        ("[agent]\nhigh_resolution = ['cpu']", 'agent.high_resolution[0]: "cpu" is no metric of hosts; one of'),
        ("[agent]\nstatsd_tags = ['host']", 'agent.statsd_tags[0]: "host" is a dimension of every series already'),
        ("[agent]\notlp_attributes = ['m', 'm']", 'agent.otlp_attributes[1]: "m" is there already; each once'),
        ("[agent]\ntier = 'all'", 'agent.tier: "all" is not one of'),
        ("[[agent.scrape]]\nurl = 'x'\nmetrics = ['*']", 'agent.scrape[0].url: "x" is malformed; a page such as'),
        (
            f"[agent]\nfiles = {[f'/{n:04}' for n in range(500)]}",
            "agent: 5764 characters of settings",
        ),
        ("[agent]\ndisk_paths = ['/', '/']", 'agent.disk_paths[1]: "/" is there already'),
        ("[agent]\ntarget_tag = 'aws:x'", 'agent.target_tag: "aws:x" is malformed'),
    ],
)
def test_a_value_out_of_range_is_named(section, start):
    (problem,) = problems(section)

    assert problem.startswith(start)


@pytest.mark.parametrize(
    "section, hint",
    [
        (
            endpoint(p99_ms=500_000),
            "endpoints[0].p99_ms: 500000 is out of range; it looks like microseconds: 500 would",
        ),
        (endpoint(p99_ms=0.5), "endpoints[0].p99_ms: 0.5 is out of range; it looks like seconds: 500 would be right"),
        ("[host_thresholds]\ncpu_percent = 0.85", "host_thresholds.cpu_percent: 0.85 is out of range; it looks like a"),
    ],
)
def test_a_value_in_the_wrong_unit_is_recognised(section, hint):
    (problem,) = problems(section)

    assert problem.startswith(hint)


def test_a_p99_objective_that_is_no_length_of_time_is_only_out_of_range():
    (problem,) = problems(endpoint(p99_ms=-5))

    assert "endpoints[0].p99_ms: -5 is out of range; at least 1 and at most 60000 would be right" == problem


def test_the_same_endpoint_twice_is_named():
    (problem,) = problems(ENDPOINT, ENDPOINT)

    assert 'endpoints[1]: would name its alarms "ranker", as endpoints[0] does; another name would be right' == problem


def test_variants_of_one_endpoint_are_different():
    config = configured(ENDPOINT, endpoint(variant="canary"))

    assert 2 == len(config.endpoints)


def test_endpoint_names_that_differ_only_in_case_are_the_same_to_sagemaker():
    (problem,) = problems(ENDPOINT, endpoint(name="Ranker"))

    assert problem.startswith('endpoints[1]: would name its alarms "Ranker", as endpoints[0] does')


def test_a_variant_that_spells_another_endpoints_name_is_named():
    (problem,) = problems(endpoint(name="a-b"), endpoint(name="a", variant="b"))

    assert problem.startswith('endpoints[1]: would name its alarms "a-b", as endpoints[0] does')


def test_a_host_named_like_an_endpoint_is_named():
    (problem,) = problems(ENDPOINT, host(name="ranker", host="r"))

    assert problem.startswith('hosts[0]: would name its alarms "ranker", as endpoints[0] does')


@pytest.mark.parametrize("stage", ["Prod", "", "1a", "a_b", "a-b", "a" * 17, "prod\n"])
def test_a_stage_that_cannot_stand_in_alarm_names_is_refused(stage):
    with pytest.raises(ConfigError, match=r"^deployment\.stage: .* is malformed; lower-case letters"):
        load(DEPLOYMENT.replace('"test"', json.dumps(stage)))


@pytest.mark.parametrize("name", ["", "a b", "-a", "a-", "a_b", "a" * 64, "ünï"])
def test_a_name_that_sagemaker_would_refuse_is_refused(name):
    found = problems(endpoint(name=name, variant=name), host(name=name, host="h"))

    assert {"endpoints[0].name", "endpoints[0].variant", "hosts[0].name"} <= {line.split(":")[0] for line in found}


@pytest.mark.parametrize(
    "protocol, address",
    [
        ("email", "oncall"),
        ("email", "a b@example.com"),
        ("https", "http://example.com"),
        ("https", "https://"),
        ("sms", "4155550100"),
        ("sms", "+1 415 555 0100"),
        ("sqs", "https://sqs.eu-west-1.amazonaws.com/123456789012/q"),
        ("sqs", "arn:aws:sqs:eu-west-1:123456789012:q.fifo"),
    ],
)
def test_an_address_that_does_not_fit_its_protocol_is_refused(protocol, address):
    (problem,) = problems(subscription(protocol, address))

    assert problem.startswith(f'notifications.subscriptions[0].endpoint: "{address}" does not fit protocol {protocol};')


@pytest.mark.parametrize(
    "protocol, address",
    [
        ("email", "on.call+ml@example.co.uk"),
        ("https", "https://hooks.example.com:8443/a?b=c"),
        ("sms", "+4915112345678"),
        ("sqs", "arn:aws-cn:sqs:cn-north-1:123456789012:q_1"),
    ],
)
def test_an_address_that_fits_its_protocol_is_taken(protocol, address):
    config = configured(subscription(protocol, address))

    assert address == config.notifications.subscriptions[0].endpoint


def test_an_unknown_protocol_or_severity_is_named_with_the_nearest():
    found = problems(subscription("emial", "a@b.c") + '\nseverities = ["criticl", "info"]')

    assert [
        'notifications.subscriptions[0].protocol: "emial" is not one of email, sms, https, sqs; did you mean email?',
        (
            'notifications.subscriptions[0].severities[0]: "criticl" is not one of critical, warning, info; '
            "did you mean critical?"
        ),
    ] == found


def test_a_subscription_said_twice_is_named():
    (problem,) = problems(subscription("email", "a@b.c"), subscription("email", "a@b.c"))

    assert problem.startswith(
        "notifications.subscriptions[1]: is the subscription notifications.subscriptions[0] again"
    )


@pytest.mark.parametrize(
    "keys, message",
    [
        ({"instance_type": "ml.g5.3xlarge"}, '"ml.g5.3xlarge" is not known; ml.g5'),
        ({"instance_type": "g5.2xlarge"}, '"g5.2xlarge" is EC2\'s name; "ml.g5.2xlarge" would be right'),
        ({"instance_type": "huge", "vcpus": 4}, '"huge" is not known; '),
    ],
)
def test_an_instance_type_without_known_counts_is_refused(keys, message):
    (problem,) = problems(endpoint(**keys))

    assert problem.startswith(f"endpoints[0].instance_type: {message}")


def test_an_instance_type_with_stated_counts_is_taken():
    config = configured(endpoint(instance_type="ml.z9.xlarge", vcpus=4, gpus=1))

    assert "ml.z9.xlarge" == config.endpoints[0].instance_type


@pytest.mark.parametrize(
    "keys, message",
    [
        ({}, "neither instance_id nor host is given; exactly one"),
        ({"instance_id": "i-0123456789abcdef0", "host": "h"}, "both instance_id and host are given; exactly one"),
        ({"instance_id": "0123"}, '"0123" is malformed; one such as i-0123456789abcdef0 would be right'),
    ],
)
def test_a_host_is_told_apart_by_exactly_one_of_its_names(keys, message):
    (problem,) = problems(host(**keys))

    assert problem.startswith(f"hosts[0].instance_id: {message}")


@pytest.mark.parametrize(
    "schedule",
    ["rate(1 hours)", "rate(2 hour)", "rate(0 days)", "cron(0 6 * * MON *)", "cron(0 6 ? * MON)", "0 6 ? * MON *", ""],
)
def test_a_malformed_schedule_is_refused(schedule):
    (problem,) = problems(f'[recommendations]\nschedule = "{schedule}"')

    assert problem.startswith(f'recommendations.schedule: "{schedule}" is malformed; rate(7 days) or six fields')


@pytest.mark.parametrize(
    "schedule", ["rate(1 hour)", "rate(7 days)", "cron(0 6 ? * MON-FRI *)", "cron(0/15 * 1,15 * ? *)"]
)
def test_a_schedule_of_eventbridge_is_taken(schedule):
    assert schedule == configured(f'[recommendations]\nschedule = "{schedule}"').recommendations.schedule


SCALARS = st.one_of(
    st.booleans(),
    st.integers(-10, 2_000_000),
    st.floats(width=32),
    st.text(alphabet='aZ0 -.:/"\n@ü', max_size=12),
    st.sampled_from(["ml.g5.2xlarge", "steady", "email", "a@b.c", "rate(1 day)", "i-0123456789abcdef0", "/", "info"]),
)
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=3))
KEYS = sorted({field.name for kind in STRUCTS for field in msgspec.structs.fields(kind)})
TABLES = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6)
SECTIONS = st.dictionaries(
    st.sampled_from([field.name for field in msgspec.structs.fields(Config)]),
    st.one_of(TABLES, st.lists(TABLES, max_size=3), VALUES),
    max_size=4,
)


def toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return str(value) if isinstance(value, float) else json.dumps(value)


@given(sections=SECTIONS)
def test_whatever_is_written_is_a_configuration_or_a_configuration_error(sections):
    text = "\n".join(f"{key} = {toml(value)}" for key, value in sections.items() if key != "deployment")

    try:
        load(f"{text}\n{DEPLOYMENT}")
        found = []
    except ConfigError as error:
        found = str(error).splitlines()

    assert all(re.match(r"[a-z0-9_.\[\]]+: .+", line) for line in found)


def test_several_problems_are_reported_together_one_a_line():
    found = problems(
        endpoint(p99=5, traffic="stedy"), host(), "[platform]\nheartbeat_minutes = '5'", "[endpoint_thresholds]\nx = 1"
    )

    assert [
        "endpoint_thresholds.x",
        "endpoints[0].p99",
        "endpoints[0].traffic",
        "hosts[0].instance_id",
        "platform.heartbeat_minutes",
    ] == [line.split(":")[0] for line in found]


def test_a_syntax_error_is_placed_by_line_and_column():
    with pytest.raises(ConfigError, match=r"^not TOML: .*line 2, column 9"):
        load('[deployment]\nstage = prod"')


def test_an_endpoints_own_thresholds_are_completed_from_the_section_for_all():
    config = configured(
        "[endpoint_thresholds]\ncpu_percent = 70", ENDPOINT, "[endpoints.thresholds]\nmemory_percent = 80"
    )

    assert EndpointThresholds(cpu_percent=70, memory_percent=80) == config.endpoints[0].thresholds


def test_a_hosts_own_thresholds_are_completed_from_the_section_for_all():
    config = configured("[host_thresholds]\ncpu_percent = 70", GPU_HOST, "[hosts.thresholds]\nmemory_percent = 80")

    own = config.hosts[0].thresholds
    assert own is not None
    assert (70, 80) == (own.cpu_percent, own.memory_percent)


def test_every_subset_of_broken_sections_reports_each_of_them():
    broken = {
        "agent": "[agent]\nsample_seconds = 0",
        "platform": "[platform]\nheartbeat_minutes = 0",
        "endpoints[0]": endpoint(p99_ms=0.5),
        "hosts[0]": host(),
    }

    for mask in range(1, 2 ** len(broken)):
        chosen = [name for bit, name in enumerate(broken) if mask >> bit & 1]
        found = problems(*(broken[name] for name in chosen))

        assert sorted(chosen) == sorted(line.split(":")[0].rpartition(".")[0] for line in found)


def test_the_default_configuration_writes_out_every_key():
    raw = tomllib.loads((ROOT / "config" / "default.toml").read_text())

    assert [] == list(_left_out(Config, raw, ""))


def _left_out(kind: Any, value: Any, path: str) -> Iterator[str]:
    """Keys of a struct that appear in none of the tables of its kind; own thresholds name only what differs."""
    tables = value if isinstance(value, list) else [value]
    for field in msgspec.structs.fields(kind):
        where = f"{path}.{field.name}"
        if field.name != "thresholds" and not all(field.name in table for table in tables):
            yield where
        if field.name == "thresholds" and not any(field.name in table for table in tables):
            yield where
        nested = getattr(field.type, "__args__", (field.type,))[0]
        if field.name != "thresholds" and isinstance(nested, type) and issubclass(nested, msgspec.Struct):
            # None of routes, receivers and the like: docs/incidents.md shows their keys.
            yield from _left_out(nested, tables[0].get(field.name, {}), where) if tables else ()


def test_the_default_configuration_states_the_defaults():
    written = shipped("default.toml")

    bare = Config(deployment=written.deployment)
    assert bare.endpoint_thresholds == written.endpoint_thresholds
    assert bare.host_thresholds == written.host_thresholds
    assert (bare.agent, bare.recommendations, bare.platform) == (
        written.agent,
        written.recommendations,
        written.platform,
    )


def test_the_example_for_production_shows_every_protocol_and_several_gpus():
    config = shipped("example-production.toml")

    assert {"email", "sms", "https", "sqs"} == {one.protocol for one in config.notifications.subscriptions}
    assert {"ml.g5.12xlarge", "ml.p4d.24xlarge"} <= {one.instance_type for one in config.endpoints}
    assert any(one.thresholds for one in config.endpoints)
    assert any(one.instance_id and one.gpus for one in config.hosts)


def test_the_shipped_schema_is_current():
    written = json.loads((ROOT / "config" / "schema.json").read_text())

    assert json.loads(json.dumps(schema())) == written, "write json.dumps(core.config.schema(), indent=2) to it"


@pytest.mark.parametrize("name", ["default.toml", "example-production.toml"])
def test_the_shipped_configurations_satisfy_the_schema(name):
    jsonschema = pytest.importorskip("jsonschema")
    raw = tomllib.loads((ROOT / "config" / name).read_text())

    jsonschema.validate(raw, schema())


def test_the_schema_refuses_what_load_refuses():
    jsonschema = pytest.importorskip("jsonschema")
    raw = tomllib.loads(DEPLOYMENT)

    for wrong in ({"agent": {"x": 1}}, {"platform": {"log_retention_days": 31}}, {"agent": {"sample_seconds": 0}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**raw, **wrong}, schema())
