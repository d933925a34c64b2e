import json

import pytest

from core.catalogue.alarm import CompositeAlarm, Delivery, MetricAlarm
from core.catalogue.dashboards import Dashboard
from core.config import load
from stacks import deployed, monitoring
from stacks.synth import synth
from tests.stacks.template import of_type, properties
from tests.synth import read_templates

ALARM = "AWS::CloudWatch::Alarm"
COMPOSITE = "AWS::CloudWatch::CompositeAlarm"
DASHBOARD = "AWS::CloudWatch::Dashboard"
HEAD = """
[deployment]
stage = "demo"
owner = "team"
runbooks = "https://example.com/runbooks"
[[notifications.subscriptions]]
protocol = "email"
endpoint = "oncall@example.com"
"""
MAX_TEMPLATE_BYTES = 1_000_000  # CloudFormation, a template in S3


def many(endpoints):
    """A configuration with so many endpoints."""
    one = '[[endpoints]]\nname = "endpoint-{}"\ninstance_type = "ml.g5.2xlarge"\np99_ms = 300\n'
    return load(HEAD + "".join(one.format(number) for number in range(endpoints)))


@pytest.fixture
def template(templates):
    return templates["monitoring"]


@pytest.fixture
def computed(default_config):
    return {alarm.name: alarm for alarm in deployed.monitoring(default_config)}


def said(stat):
    """A statistic's series as CloudFormation spells it."""
    return {
        "Namespace": stat.metric.namespace,
        "MetricName": stat.metric.name,
        "Dimensions": [{"Name": name, "Value": value} for name, value in stat.dimensions],
    }


def query(entry):
    """A query as CloudFormation spells it."""
    shared = {"Id": entry.id, "ReturnData": entry.returned} | ({"Label": entry.label} if entry.label else {})
    if entry.stat is None:
        return shared | {"Expression": entry.expression}
    period = int(entry.stat.period.total_seconds())
    return shared | {"MetricStat": {"Metric": said(entry.stat), "Period": period, "Stat": entry.stat.statistic}}


def test_every_computed_alarm_is_created_once(template, computed):
    created = [entry["AlarmName"] for kind in (ALARM, COMPOSITE) for entry in properties(template, kind)]

    assert sorted(computed) == sorted(created)


def test_a_metric_alarm_is_its_value_field_for_field(template, computed):
    created = {entry["AlarmName"]: entry for entry in properties(template, ALARM)}
    for name, alarm in computed.items():
        if not isinstance(alarm, MetricAlarm):
            continue
        entry = created[name]

        assert alarm.comparison == entry["ComparisonOperator"]
        assert alarm.threshold == entry["Threshold"]
        assert (alarm.datapoints, alarm.periods) == (entry["DatapointsToAlarm"], entry["EvaluationPeriods"])
        assert alarm.missing == entry["TreatMissingData"]
        if "Metrics" in entry:
            assert [query(item) for item in alarm.queries] == entry["Metrics"]
        else:
            [stat] = [only.stat for only in alarm.queries if only.stat is not None]
            assert said(stat) == {key: entry[key] for key in ("Namespace", "MetricName", "Dimensions")}
            assert stat.statistic == entry.get("Statistic", entry.get("ExtendedStatistic"))
            assert int(stat.period.total_seconds()) == entry["Period"]


def test_a_composite_is_created_after_its_children(template, computed):
    logical = {
        resource["Properties"]["AlarmName"]: name
        for kind in (ALARM, COMPOSITE)
        for name, resource in of_type(template, kind).items()
    }
    for resource in of_type(template, COMPOSITE).values():
        alarm = computed[resource["Properties"]["AlarmName"]]

        assert isinstance(alarm, CompositeAlarm)
        assert alarm.rule == resource["Properties"]["AlarmRule"]
        assert {logical[child] for child in alarm.children} == set(
            [resource["DependsOn"]] if isinstance(resource["DependsOn"], str) else resource["DependsOn"]
        )


def test_alarms_say_severity_owner_runbook_and_subject_and_link_the_runbook(template, computed):
    for kind in (ALARM, COMPOSITE):
        for entry in properties(template, kind):
            alarm = computed[entry["AlarmName"]]

            assert {
                "mlwarden:severity": alarm.severity,
                "mlwarden:owner": alarm.owner,
                "mlwarden:runbook": alarm.runbook,
                "mlwarden:subject": f"{alarm.subject.kind}/{alarm.subject.name}",
            } == {tag["Key"]: tag["Value"] for tag in entry["Tags"]}
            assert entry["AlarmDescription"].startswith(alarm.title)
            assert f"/{alarm.runbook}.md" in entry["AlarmDescription"]


def test_what_goes_through_the_router_has_no_action_of_its_own(template, computed):
    for kind in (ALARM, COMPOSITE):
        for entry in properties(template, kind):
            direct = computed[entry["AlarmName"]].delivery is Delivery.DIRECT

            assert direct == ("AlarmActions" in entry)
            assert "OKActions" not in entry


def test_what_pages_directly_is_silent_while_the_pipeline_is_healthy(template, computed):
    direct = [entry for entry in properties(template, COMPOSITE) if "AlarmActions" in entry]

    assert {computed[entry["AlarmName"]].condition for entry in direct} == {"UnroutedCritical"}
    for entry in direct:
        (topic,) = entry["AlarmActions"]
        assert "ExportsOutputRefCritical" in topic["Fn::ImportValue"]
        assert entry["ActionsSuppressor"]["Fn::Join"][1][-1].endswith(":alarm:mlwarden-demo-platform-PipelineHealthy")
        assert (60, 60) == (entry["ActionsSuppressorWaitPeriod"], entry["ActionsSuppressorExtensionPeriod"])


def test_dashboard_bodies_are_json_once_the_region_is_known(template):
    for entry in properties(template, DASHBOARD):
        body = entry["DashboardBody"]
        parts = [body] if isinstance(body, str) else body["Fn::Join"][1]

        text = "".join(part if isinstance(part, str) else "us-east-1" for part in parts)

        assert json.loads(text)["widgets"]
        assert "Token[" not in text


def test_names_that_differ_only_in_punctuation_do_not_collide(tmp_path):
    text = [
        f'[[endpoints]]\nname = "{name}"\ninstance_type = "ml.g5.2xlarge"\np99_ms = 300\n' for name in ("a-b", "ab")
    ]

    template = read_templates(synth(load(HEAD + "".join(text)), tmp_path / "cdk.out"))["monitoring"]

    assert 4 == len(of_type(template, COMPOSITE))


def test_two_hundred_endpoints_are_divided_below_the_limit_and_none_is_lost():
    config = many(200)
    alarms = deployed.monitoring(config)
    dashboards = [Dashboard(f"dashboard-{number}", {"widgets": []}) for number in range(200)]

    shards = monitoring.divide(alarms, dashboards)

    assert len(shards) > 1
    assert all(shard.fits for shard in shards)
    assert sorted(alarm.name for alarm in alarms) == sorted(alarm.name for shard in shards for alarm in shard.alarms)
    assert 200 == sum(len(shard.dashboards) for shard in shards)


def test_a_subject_is_never_divided():
    for shard in monitoring.divide(deployed.monitoring(many(200)), []):
        names = {alarm.name for alarm in shard.alarms}

        for alarm in shard.alarms:
            if isinstance(alarm, CompositeAlarm):
                assert set(alarm.children) <= names


def test_one_more_shard_moves_subjects_to_it_and_nowhere_else():
    """Later stacks are deployed later, so an alarm's name is free by the time the new stack takes it."""
    keys = [f"endpoint/e{number}/AllTraffic" for number in range(500)]
    for number in range(1, 8):
        before = {key: monitoring.home(key, number) for key in keys}
        after = {key: monitoring.home(key, number + 1) for key in keys}

        moved = {after[key] for key in keys if after[key] != before[key]}

        assert {number} == moved


def test_a_dashboard_that_fits_no_template_is_named():
    huge = Dashboard("mlwarden-demo-fleet", {"widgets": ["x" * 2_000_000]})

    with pytest.raises(monitoring.SizeError, match="mlwarden-demo-fleet"):
        monitoring.divide([], [huge])


@pytest.mark.slow
def test_two_hundred_endpoints_synthesize_within_cloudformations_limits(tmp_path):
    folder = synth(many(200), tmp_path / "cdk.out")

    for path in folder.glob("*.template.json"):
        assert len(json.loads(path.read_text())["Resources"]) <= 400
        assert path.stat().st_size < MAX_TEMPLATE_BYTES
    manifest = json.loads((folder / "manifest.json").read_text())["artifacts"]
    assert "mlwarden-demo-monitoring-2" in manifest["mlwarden-demo-monitoring-3"]["dependencies"]
