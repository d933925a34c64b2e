from core.catalogue.alarm import Delivery, Severity, Subject
from core.catalogue.facts import Facts
from core.incidents import events
from core.incidents.deployments import implied
from core.incidents.labels import Sources, classify, pairs
from core.incidents.signals import EndpointSignal
from tests.incidents.events import Event, alarm, bridged, fault, sample

RANKER = Subject("endpoint", "Ranker", "AllTraffic")
TRAINER = Subject("host", "trainer-1")


def facts(name: str, subject: Subject = RANKER, **more: object) -> Facts:
    values = {
        "name": name,
        "condition": "HighCPU",
        "subject": subject,
        "title": "the CPU is saturated",
        "severity": Severity.CRITICAL,
        "owner": "ml-platform",
        "runbook": "HighCPU",
        "delivery": Delivery.INCIDENT,
        **more,
    }
    return Facts(**values)  # type: ignore[arg-type]


FACTS = {
    "HighCPU": facts("HighCPU", threshold=90.0, period_seconds=60, datapoints=3, periods=5),
    "Host": facts("Host", TRAINER, measured="i-1234567890abcdef0", owner="training"),
}


def endpoint(status: str, name: str = "ranker") -> EndpointSignal:
    event = sample("sagemaker-endpoint-state-change")
    event["detail"] |= {"EndpointStatus": status, "EndpointName": name}
    signal = events.parse(event)
    assert isinstance(signal, EndpointSignal)
    return signal


def tagged(**tags: str) -> Event:
    return bridged(alarmTags={f"mlwarden:{name}": value for name, value in tags.items()})


def test_a_catalogued_alarm_has_the_catalogues_labels():
    signal = alarm(bridged())

    assert pairs(signal, classify(signal, FACTS), stage="production") == (
        ("account", "123456789012"),
        ("alarm", "HighCPU"),
        ("condition", "HighCPU"),
        ("kind", "endpoint"),
        ("region", "eu-west-1"),
        ("severity", "critical"),
        ("source", "cloudwatch"),
        ("stage", "production"),
        ("subject", "ranker"),
        ("team", "ml-platform"),
        ("variant", "AllTraffic"),
    )


def test_the_window_is_the_catalogues_else_the_events():
    known, unknown = (classify(alarm(bridged()), facts) for facts in (FACTS, {}))

    assert (known.period_seconds, known.datapoints, known.periods) == (60, 3, 5)
    assert (unknown.period_seconds, unknown.datapoints, unknown.periods) == (60, 0, 0)


def test_an_alarm_that_the_catalogue_lacks_is_labelled_by_its_tags():
    known = classify(alarm(tagged(subject="pipeline/nightly", owner="data", severity="info", runbook="Late")), {})

    assert (known.subject, known.owner) == (Subject("pipeline", "nightly"), "data")
    assert (known.severity, known.runbook) == (Severity.INFO, "Late")
    assert not known.catalogued


def test_an_alarm_without_tags_is_labelled_by_what_it_measures():
    known = classify(alarm(bridged()), {})

    assert (known.subject, known.severity) == (Subject("host", "i-12345678901234567"), Severity.WARNING)
    assert (known.title, known.threshold) == ("the CPU is saturated", 90.0)


def test_a_tag_of_a_severity_that_is_none_is_a_warning():
    assert classify(alarm(tagged(severity="apocalypse")), {}).severity is Severity.WARNING


def test_a_contributors_attributes_join_where_they_take_no_name():
    event = sample("cw-alarm-contributor-state-change")
    event["detail"]["alarmContributor"]["attributes"] = {"EndpointName": "Ranker", "region": "mars", "Empty": ""}
    signal = alarm(event)

    labels = dict(pairs(signal, classify(signal, {}), stage="dev"))

    assert (labels["subject"], labels["EndpointName"], labels["region"]) == ("ranker", "Ranker", "us-east-1")
    assert "Empty" not in labels


def test_an_endpoints_labels_are_the_same_in_every_status():
    statuses = ("FAILED", "ROLLING_BACK", "IN_SERVICE", "UPDATING")

    signals = [endpoint(status) for status in statuses]

    assert len({pairs(signal, classify(signal, FACTS), stage="dev") for signal in signals}) == 1


def test_an_endpoint_and_its_deployment_belong_to_the_catalogued_subject():
    signal = endpoint("UPDATING", name="RANKER")

    (deployment,) = implied(signal)

    for one in (signal, deployment):
        known = classify(one, FACTS)
        assert (known.subject, known.owner, known.catalogued) == (RANKER, "ml-platform", True)


def test_an_interruption_is_told_of_the_host_that_the_instance_is():
    known = classify(fault(sample("ec2-spot-interruption-warning")), FACTS)

    assert (known.subject, known.owner, known.delivery) == (TRAINER, "training", Delivery.INCIDENT)


def test_an_instance_that_nobody_declared_is_its_own_host():
    known = classify(fault(sample("ec2-spot-interruption-warning")), {})

    assert (known.subject, known.catalogued) == (Subject("host", "i-1234567890abcdef0"), False)


def test_a_known_source_is_classified_once():
    sources = Sources(FACTS, "production")

    first, second = sources.of(alarm(bridged("ALARM"))), sources.of(alarm(bridged("OK")))

    assert second is first


def test_an_alarm_that_the_catalogue_lacks_is_classified_again_when_it_changed():
    sources = Sources({}, "production")
    event = bridged()
    first = sources.of(alarm(event))
    event["detail"]["configuration"]["description"] = "the CPU is idle"

    second = sources.of(alarm(event))

    assert sources.of(alarm(event)) is second
    assert (first.labels.title, second.labels.title) == ("the CPU is saturated", "the CPU is idle")


def test_an_alarms_new_threshold_is_noticed():
    sources = Sources({}, "production")
    event = bridged()
    first = sources.of(alarm(event))
    event["detail"]["state"]["reasonData"] = event["detail"]["state"]["reasonData"].replace("90.0", "95.0")

    second = sources.of(alarm(event))

    assert (first.labels.threshold, second.labels.threshold) == (90.0, 95.0)


def test_sources_that_are_no_alarms_are_classified_each_time():
    sources = Sources(FACTS, "production")

    failed, rolling = sources.of(endpoint("FAILED")), sources.of(endpoint("ROLLING_BACK"))

    assert failed.pairs == rolling.pairs
    assert (failed.labels.severity, rolling.labels.severity) == (Severity.CRITICAL, Severity.WARNING)
