from datetime import timedelta

import pytest

from agent import cost
from agent.config import load
from agent.sample import Datum, Window
from core.catalogue import host
from tests.agent.fakes import NOON


def window(series):
    data = tuple(
        Datum(host.DISK_USED, (("host", "h"), ("path", f"/{n}")), 1.0, 1.0, 2.0, 2, (1.0,), (2,)) for n in range(series)
    )
    return Window(NOON, timedelta(minutes=1), data)


def items(text, series=40, hosts=1):
    return {line.item: line for line in cost.bill(load(text), window(series), hosts=hosts)}


@pytest.mark.parametrize(
    "metrics, dollars",
    [(0, 0), (40, 12), (10_000, 3_000), (10_001, 3_000.10), (250_000, 27_000), (1_000_001, 64_500.02)],
)
def test_metrics_cost_less_the_more_there_are(metrics, dollars):
    assert dollars == pytest.approx(cost.metrics_price(metrics))


def test_a_host_is_charged_for_its_metrics_and_a_call_a_minute():
    bill = items("")

    assert 12.0 == pytest.approx(bill["custom metrics"].dollars)
    assert ("43200 calls", pytest.approx(0.432)) == (bill["PutMetricData"].amount, bill["PutMetricData"].dollars)


def test_many_hosts_come_to_the_cheaper_steps_together():
    assert cost.metrics_price(40_000) == items("", hosts=1000)["custom metrics"].dollars


def test_more_than_a_calls_data_are_two_calls():
    assert "86400 calls" == items("", series=1001)["PutMetricData"].amount


def test_logs_and_otlp_are_charged_by_volume_and_otlp_not_by_the_metric():
    bill = items('sinks = ["otlp"]')
    assert ["OTLP ingested"] == list(bill)
    assert 0 < bill["OTLP ingested"].dollars < 1

    bill = items('sinks = ["emf"]')
    assert ["custom metrics", "logs ingested (EMF)"] == list(bill)


def test_an_emf_line_grows_with_the_samples_of_a_window():
    often = items('sinks = ["emf"]\nsample_seconds = 1')["logs ingested (EMF)"].dollars

    assert often > 2 * items('sinks = ["emf"]\nsample_seconds = 30')["logs ingested (EMF)"].dollars


def test_what_applications_may_add_is_said():
    text = "\n".join(cost.report(load("statsd_port = 8125\notlp_port = 4318"), window(40), hosts=1))

    assert "up to 400 metrics a host (input_series): at most 120.00 $/month" in text
    assert "applications" not in "\n".join(cost.report(load(""), window(40), hosts=1))


def test_the_report_adds_up():
    lines = list(cost.report(load('sinks = ["cloudwatch", "otlp"]'), window(40), hosts=3))

    figures = [float(line.split()[-2]) for line in lines if line.startswith("  ")]
    assert figures[-1] == pytest.approx(sum(figures[:-1]), abs=0.011)
