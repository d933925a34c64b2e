"""From a bad model version to the page that its owner reads, and to the message that it is over."""

from datetime import timedelta

from core.catalogue import alarms
from core.catalogue.alarm import MetricAlarm
from core.config import Config
from core.incidents import record
from tests.e2e.deployed import ONCALL, START
from tests.e2e.story import BROKEN, DEAD_LETTERS, HEALTHY, MENDED, Told

ENDPOINT = "mlwarden-demo-ranker-"


def test_the_whole_run_mails_one_page_and_one_resolve_about_the_endpoint_and_one_page_about_the_silent_host(
    told: Told,
) -> None:
    mailed = [(message.protocol, message.endpoint, message.subject.split(" (")[0]) for message in told.messages]

    assert mailed == [
        ("email", ONCALL, "[CRITICAL] laptop: agent silent"),
        ("email", ONCALL, "[CRITICAL] ranker: high error rate"),
        ("email", ONCALL, "[RESOLVED 10 min] ranker: too many requests fail with a server error"),
    ]


def test_the_page_arrives_while_the_fault_lasts_and_names_the_version_that_caused_it(told: Told) -> None:
    page = told.about("ranker")[0]

    cause = " ".join(page.body.split("LIKELY CAUSE")[1].split("EVIDENCE")[0].split())
    assert told.broken_at < page.time <= told.broken_at + timedelta(minutes=6)
    assert "ranker-v2 (was ranker-v1)" in cause
    assert "confidence: high" in cause


def test_the_page_says_what_where_how_bad_and_what_to_read(told: Told) -> None:
    page = told.about("ranker")[0]

    first, *_ = page.body.splitlines()
    assert first.startswith("CRITICAL ranker: too many requests fail with a server error (5xx), ")
    assert " against 5 %, since " in first
    assert "endpoint ranker, variant AllTraffic, us-east-1, account 123456789012" in page.body
    assert "https://wiki.example.com/mlwarden/runbooks/HighErrorRate.md" in page.body
    assert "#dashboards/dashboard/mlwarden-demo-endpoint-ranker" in page.body


def test_the_resolve_arrives_after_the_rollback_with_the_worst_value(told: Told) -> None:
    resolve = told.about("ranker")[1]

    first, *_ = resolve.body.splitlines()
    assert told.mended_at < resolve.time <= told.mended_at + timedelta(minutes=6)
    assert first.startswith("RESOLVED ranker: high error rate, peak 12")


def test_the_children_that_fired_are_lines_of_the_parents_messages_and_have_none_of_their_own(told: Told) -> None:
    fired = told.fired(ENDPOINT)

    conditions = ("HighErrorRate", "HighP99Latency", "Unhealthy", "UnroutedCritical")
    assert sorted(fired) == [f"{ENDPOINT}{condition}" for condition in conditions]
    assert len(told.about("ranker")) == 2
    assert "p99 model latency is over its objective" in told.about("ranker")[1].body


def test_only_the_silent_host_pages_while_all_is_well_once_its_warm_up_is_over(
    told: Told, default_config: Config
) -> None:
    silent = next(
        alarm
        for alarm in alarms.compute(default_config)
        if isinstance(alarm, MetricAlarm) and alarm.condition == "AgentSilent"
    )
    wait = timedelta(seconds=default_config.notifications.group_wait_seconds)

    healthy = [message for message in told.messages if message.time <= START + HEALTHY]

    batching = timedelta(seconds=1)
    assert [message.time for message in healthy] == [START + silent.warm_up + batching + wait]
    assert healthy[0].subject.startswith("[CRITICAL] laptop: agent silent")
    assert silent.warm_up >= timedelta(minutes=10)


def test_nothing_waits_in_a_queue_but_timers_and_the_last_heartbeat_and_nothing_was_given_up_on(told: Told) -> None:
    assert set(DEAD_LETTERS) < set(told.depths)
    assert {
        name: depth for name, depth in told.depths.items() if depth and name not in {"Events", "Notifications"}
    } == {}
    assert told.depths["Events"] <= 1


def test_the_table_holds_the_endpoints_incident_closed_and_the_hosts_open(told: Told) -> None:
    items = {item["pk"]["S"]: item for item in told.items if item["sk"]["S"] == "group"}
    groups = {record.decode_group(item["document"]["S"]).key: item for item in items.values()}
    lines = {item["subject"]["S"]: item for item in told.items if item["sk"]["S"].startswith("INC-")}

    assert ("open_shard" in lines["endpoint/ranker"], "open_shard" in lines["host/laptop"]) == (False, True)
    assert "resolved_at" in lines["endpoint/ranker"]
    assert "ranker-v2" in lines["endpoint/ranker"]["cause"]["S"]
    ranker = groups['root:{kind="endpoint", subject="ranker"}']
    assert ("due_at" in ranker, "expires_at" in ranker) == (False, True)
    assert "due_at" in groups['root:{kind="host", subject="laptop"}']


def test_every_heartbeat_goes_through_rule_queues_router_and_notifier(told: Told, default_config: Config) -> None:
    beats = (HEALTHY + BROKEN + MENDED) // timedelta(minutes=default_config.platform.heartbeat_minutes)

    assert beats - 1 <= told.beats <= beats


def test_no_function_fails_and_none_is_refused_anything_on_the_way(told: Told) -> None:
    errors = [entry.facts["error"] for entry in told.journal if entry.kind == "function" and entry.facts["error"]]
    refused = [entry.facts for entry in told.journal if entry.kind == "refused"]

    assert (errors, refused, told.denied) == ([], [], [])
