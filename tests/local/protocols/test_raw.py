"""Requests made by hand, as old and other SDKs send them."""

import gzip
import json
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.errors import ServiceError
from local.protocols import cbor, query
from tests.local.engine.test_server import ask, signed

PUT = {
    "Action": "PutMetricData",
    "Version": "2010-08-01",
    "Namespace": "App",
    "MetricData.member.1.MetricName": "m",
    "MetricData.member.1.Dimensions.member.1.Name": "Host",
    "MetricData.member.1.Dimensions.member.1.Value": "a b",
    "MetricData.member.1.Timestamp": "2026-11-20T10:00:00Z",
    "MetricData.member.1.Value": "1.5e2",
    "MetricData.member.1.Unit": "Count",
}
FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
GRANITE = "/service/GraniteServiceVersion20100801/operation/"
TEXTS = st.text(st.characters(codec="utf-8"), max_size=300)
CBOR = {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}


def names(running):
    status, text, _ = ask(f"{running.url}/?" + urlencode({"Action": "ListMetrics", "Version": "2010-08-01"}))
    return status, "<MetricName>m</MetricName>" in text


@pytest.mark.parametrize("headers", [signed("monitoring"), {}], ids=["signed", "known by its version"])
def test_a_form_puts_and_a_url_lists(running, headers):
    status, text, _ = ask(running.url, urlencode(PUT).encode(), headers | FORM)

    assert status == 200
    assert text.startswith("<PutMetricDataResponse xmlns=")
    assert names(running) == (200, True)


def test_a_form_may_be_gzip(running):
    body = gzip.compress(urlencode(PUT).encode())

    status, _, _ = ask(running.url, body, signed("monitoring", **FORM) | {"Content-Encoding": "gzip"})

    assert status == 200
    assert names(running) == (200, True)


@pytest.mark.parametrize(
    "changes, code",
    [
        ({"Action": "PutMetrics"}, "InvalidAction"),
        ({"MetricData.member.1.Value": "many"}, "MalformedInput"),
        ({"MetricData.member.1.Value": "NaN"}, "InvalidParameterValue"),
        ({"Namespace": ""}, "MissingParameter"),
    ],
)
def test_a_form_that_is_wrong_gets_an_error_in_xml(running, changes, code):
    status, text, headers = ask(running.url, urlencode(PUT | changes).encode(), signed("monitoring", **FORM))

    assert status == 400
    assert f"<Type>Sender</Type><Code>{code}</Code>" in text
    assert text.startswith("<ErrorResponse ")
    assert headers["Content-Type"] == "text/xml"


def test_json_names_an_errors_class_whether_the_query_code_is_wanted_or_not(running):
    target = {
        "X-Amz-Target": "GraniteServiceVersion20100801.PutMetricData",
        "Content-Type": "application/x-amz-json-1.0",
    }
    body = {"Namespace": "AWS/x", "MetricData": [{"MetricName": "m", "Value": 1}]}

    _, plain, without = ask(running.url, body, signed("monitoring", **target))
    _, same, wanted = ask(running.url, body, signed("monitoring", **target) | {"x-amzn-query-mode": "true"})

    assert json.loads(plain)["__type"] == json.loads(same)["__type"] == "InvalidParameterValueException"
    assert "x-amzn-query-error" not in without
    assert wanted["x-amzn-query-error"] == "InvalidParameterValue;Sender"


@pytest.mark.parametrize(
    "params, place",
    [
        ({"Namespace": "App", "MetricData": "m"}, "MetricData: expected a list, got str 'm'"),
        ({"Namespace": 1, "MetricData": []}, "Namespace: expected a string"),
        ({"Namespace": "App", "MetricData": [{"MetricName": "m", "Value": "x"}]}, "MetricData.1.Value: expected a"),
    ],
)
def test_a_value_of_another_type_is_a_serialization_error(running, params, place):
    target = {
        "X-Amz-Target": "GraniteServiceVersion20100801.PutMetricData",
        "Content-Type": "application/x-amz-json-1.0",
    }

    status, text, _ = ask(running.url, params, signed("monitoring", **target))

    assert status == 400
    assert json.loads(text)["__type"] == "SerializationException"
    assert place in json.loads(text)["message"]


def test_cbor_of_indefinite_length_is_read(running):
    body = b"\xbf\x69Namespace\x63App\x6aMetricData\x9f\xbf\x6aMetricName\x61m\x65Value\xf9\x3c\x00\xff\xff\xff"

    status, _, headers = ask(running.url + GRANITE + "PutMetricData", body, signed("monitoring", **CBOR))

    assert status == 200
    assert headers["smithy-protocol"] == "rpc-v2-cbor"
    assert names(running) == (200, True)


@pytest.mark.parametrize("body", [b"\xff", b"\xa1", b"\x01", b"\xa0\xa0", b"\xc2\x41\x01", b"\xa1\x61\xff\x01"])
def test_what_is_not_cbor_is_a_serialization_error(body):
    with pytest.raises(ServiceError) as refused:
        cbor.parameters(body)

    assert refused.value.code == "SerializationException"


@given(TEXTS, TEXTS)
def test_an_error_in_cbor_reads_as_it_was_written(kind, message):
    read = cbor.parameters(cbor.error(kind, message))

    assert read == {"__type": kind, "message": message}


@given(st.dictionaries(st.text(st.characters(codec="ascii"), min_size=1), st.text(st.characters(codec="utf-8"))))
def test_a_form_reads_as_it_was_written(fields):
    assert query.form(urlencode(fields).encode()) == fields
