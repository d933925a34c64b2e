"""AWS's own samples: each is read, or named as saying nothing, and the rules take what is read."""

import json

import pytest

from core.incidents import events, rules
from core.incidents.events import UNHEEDED, MalformedEvent
from core.incidents.signals import Ignored
from local import patterns
from tests.incidents.events import FRAGMENTS, names, sample

IGNORED = {
    "cloudtrail-sagemaker-create-inference-recommendations-job",
    "ec2-instance-state-change",
    "sagemaker-endpoint-config-state-change",
    "sagemaker-feature-group-state-change",
    "sagemaker-hyperparameter-tuning-job-state-change",
    "sagemaker-hyperpod-cluster-event",
    "sagemaker-image-state-change",
    "sagemaker-image-version-state-change",
    "sagemaker-model-card-state-change",
    "sagemaker-model-package-state-change",
    "sagemaker-model-state-change",
    "sagemaker-monitoring-schedule-state-change",
}
WHOLE = [name for name in names() if name not in FRAGMENTS]
SIGNALS = [name for name in WHOLE if name not in IGNORED]


@pytest.mark.parametrize("name", WHOLE)
def test_every_sample_is_read_or_ignored_for_a_reason(name):
    found = events.parse(sample(name))

    assert isinstance(found, Ignored) is (name in IGNORED)
    if isinstance(found, Ignored):
        assert found.reason
        assert found.kind


@pytest.mark.parametrize("name", sorted(FRAGMENTS))
def test_a_part_of_an_event_is_refused(name):
    with pytest.raises(MalformedEvent, match="detail-type: missing"):
        events.parse(sample(name))


BRIDGED = [name for name in SIGNALS if "detail-type" in sample(name)]
STAGE = "production"
UNRULED = {"cw-alarm-config-change-create-composite", "cw-alarm-config-change-create-composite-suppressor"}
"""A new alarm's first state has an event of its own."""


@pytest.mark.parametrize("name", BRIDGED)
def test_one_rule_takes_what_is_read(name):
    event = sample(name)
    if event["source"] == "aws.cloudwatch":
        event["detail"]["alarmName"] = f"mlwarden-{STAGE}-{event['detail']['alarmName']}"

    taken = [rule for rule, _, pattern in rules.patterns(STAGE) if patterns.read(json.dumps(pattern)).matches(event)]

    assert len(taken) == (0 if name in UNRULED else 1)


def test_a_rule_takes_no_other_stages_alarms():
    event = sample("cw-alarm-state-change-metric")
    event["detail"]["alarmName"] = "mlwarden-dev-HighCPU"

    assert not [rule for rule, _, pattern in rules.patterns(STAGE) if patterns.read(json.dumps(pattern)).matches(event)]


def test_no_rule_takes_what_is_always_ignored():
    for _, _, pattern in rules.patterns(STAGE):
        assert not set(pattern["detail-type"]) & set(UNHEEDED)


def test_rules_have_names_of_their_own_and_say_what_they_are_for():
    made = rules.patterns(STAGE)

    assert len({name for name, _, _ in made}) == len(made)
    assert all(description for _, description, _ in made)
