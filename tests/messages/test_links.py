import re
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from core.messages import links
from core.messages.links import Link
from core.messages.place import Place
from tests.messages import samples
from tests.messages.reading import mail, message
from tests.messages.samples import at

REGIONS = [
    ("us-east-1", "us-east-1.console.aws.amazon.com"),
    ("cn-north-1", "cn-north-1.console.amazonaws.cn"),
    ("us-gov-west-1", "us-gov-west-1.console.amazonaws-us-gov.com"),
]


@pytest.mark.parametrize("region, domain", REGIONS)
def test_the_dashboard_link_has_its_partition_and_its_time_range(region, domain):
    url = urlsplit(links.dashboard(region, "mlwarden-dev-fleet", start=at(0), end=at(60)))

    assert url.netloc == domain
    assert parse_qs(url.query) == {"region": [region]}
    place, _, pinned = url.fragment.partition("?")
    assert place == "dashboards/dashboard/mlwarden-dev-fleet"
    assert parse_qs(pinned) == {"start": ["2026-11-21T14:02:10.000Z"], "end": ["2026-11-21T14:03:10.000Z"]}


@pytest.mark.parametrize("region, domain", REGIONS)
def test_the_logs_link_asks_one_group_in_the_time_range(region, domain):
    group = "/aws/sagemaker/Endpoints/ranker"

    url = urlsplit(links.logs(region, group, start=at(0), end=at(60)))

    assert url.netloc == domain
    place, _, outer = url.fragment.partition("$3FqueryDetail$3D")
    detail = unquote(unquote(outer.replace("$", "%")))
    assert place == "logsV2:logs-insights"
    assert detail.startswith(
        "~(end~'2026-11-21T14*3A03*3A10.000Z~start~'2026-11-21T14*3A02*3A10.000Z~timeType~'ABSOLUTE"
    )
    values = dict(re.findall(r"~(\w+)~\(?~?'([^~()]*)", detail.replace("~(end", "~end", 1)))
    assert values["source"].replace("*", "%") == group.replace("/", "%2F")
    assert unquote(values["editorString"].replace("*", "%")) == links.LOG_QUERY


def test_nothing_in_a_query_breaks_its_encoding():
    url = links.logs("us-east-1", "g", start=at(0), end=at(1), query="a~b(c)*'d'$ %")

    detail = unquote(unquote(url.partition("queryDetail$3D")[2].replace("$", "%")))
    assert "editorString~'a*7Eb*28c*29*2A*27d*27*24*20*25~source~(~'g))" in detail


@pytest.mark.parametrize("name", ["a/b c", "日本", "x?y#z&w"])
def test_names_are_encoded(name):
    for url in (
        links.dashboard("us-east-1", name, start=at(0), end=at(1)),
        links.alarm("us-east-1", name),
        links.endpoint_config("us-east-1", name),
        links.runbook("https://r.example.com", name),
    ):
        assert re.fullmatch(r"https://[\w.~:/?#=&%+-]+", url, re.ASCII)
        assert name in unquote(url)


def test_where_there_is_no_page_no_link_leads_there():
    assert links.action("", "INC-1") == ""
    assert links.runbook("", "HighCPU") == ""
    assert links.runbook("https://r.example.com", "") == ""


def test_a_link_that_silences_only_shows():
    url = urlsplit(links.action("https://a.example.com/", "INC-20261121-1f3870be"))

    assert parse_qs(url.query) == {"act": ["silence"], "incident": ["INC-20261121-1f3870be"]}


def test_an_end_and_a_digest_offer_no_silence():
    for name in ("reason-all-resolved", "reason-digest", "reason-ungrouped", "reason-test"):
        assert "SILENCE" not in mail(samples.reasons()[name.removeprefix("reason-")]).splitlines()


def test_an_alarm_that_no_dashboard_shows_links_to_its_own_page():
    assert "#alarmsV2:alarm/checkout-error-share" in mail(samples.kind("math"))
    assert "DASHBOARD" not in mail(samples.kind("math"))


def test_a_failed_endpoint_that_nobody_configured_links_to_the_fleet():
    assert "dashboard/mlwarden-production-fleet?" in mail(samples.kind("sagemaker"))


def test_a_link_that_is_too_long_is_left_out():
    body = message(samples.kind("metric"), place=Place("dev", "https://r.example.com/" + "x" * 1000)).body

    assert "RUNBOOK" not in body
    assert "DASHBOARD" in body


def test_a_link_has_a_title():
    assert Link("RUNBOOK", "https://r.example.com").title == "Runbook"
