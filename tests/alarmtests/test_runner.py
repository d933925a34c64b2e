import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from cli.__main__ import main
from core.alarmtests import report
from core.alarmtests.report import FileResult
from local.alarmtests.runner import run_file

TEMPLATE: dict[str, Any] = {
    "Parameters": {"Limit": {"Type": "Number", "Default": "5"}},
    "Conditions": {"Never": {"Fn::Equals": ["a", "b"]}},
    "Resources": {
        "Topic": {"Type": "AWS::SNS::Topic"},
        "Act": {"Type": "AWS::Lambda::Function"},
        "Dashboard": {"Type": "AWS::CloudWatch::Dashboard"},
        "Absent": {"Type": "AWS::CloudWatch::Alarm", "Condition": "Never"},
        "Parent": {
            "Type": "AWS::CloudWatch::CompositeAlarm",
            "Properties": {"AlarmName": "Parent", "AlarmRule": {"Fn::Sub": 'ALARM("${High}")'}},
        },
        "High": {
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": {
                "Namespace": "App",
                "MetricName": "Errors",
                "Dimensions": [{"Name": "Function", "Value": {"Ref": "Act"}}],
                "Statistic": "Sum",
                "Period": 60,
                "EvaluationPeriods": "2",
                "Threshold": {"Ref": "Limit"},
                "ComparisonOperator": "GreaterThanThreshold",
                "AlarmActions": [{"Ref": "Topic"}, {"Fn::GetAtt": ["Act", "Arn"]}],
            },
        },
    },
}
CASE = """
template = "app.template.json"
namespace = "App"
dimensions = { Function = "Act" }
[[tests]]
name = "errors"
series = [{ metric = "Errors", values = "0x2 9x4" }]
expect = [
  { alarm = "High", transitions = ["1m OK", "5m ALARM"], actions = ["5m Topic", "5m Act"] },
  { alarm = "Parent", transitions = ["0s OK", "5m ALARM"] },
]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app.template.json").write_text(json.dumps(TEMPLATE))
    return tmp_path


def ran(folder: Path, text: str) -> FileResult:
    path = folder / "alarms.toml"
    path.write_text(text)
    return run_file(path)


def told(folder: Path, text: str) -> str:
    return report.text([ran(folder, text)]).replace(f"{folder}/", "")


def test_a_templates_alarms_are_tested_with_logical_ids_for_what_they_refer_to(folder):
    assert told(folder, CASE) == "1 test in 1 file: 1 passed, 0 failed"


def test_a_failure_shows_expected_against_got_with_the_datapoints_that_decided(folder):
    assert told(folder, CASE.replace('["1m OK", "5m ALARM"], act', '["1m OK", "4m ALARM"], act')) == (
        "FAIL alarms.toml:5 errors\n"
        "  High (line 9)\n"
        "    expected transitions [1m OK, 4m ALARM]\n"
        "    got      transitions [1m OK, 5m ALARM]\n"
        "    2 of 2 datapoints must be > 5; missing data are treated as missing\n"
        "      2026-01-05 00:00:00             0  > 5            not breaching\n"
        "      2026-01-05 00:01:00             0  > 5            not breaching\n"
        "      2026-01-05 00:02:00             0  > 5            not breaching\n"
        "      2026-01-05 00:03:00             9  > 5            breaching\n"
        "1 test in 1 file: 0 passed, 1 failed"
    )


def test_a_missing_datapoint_is_shown_as_missing(folder):
    text = CASE.replace("0x2 9x4", "0 _ 9x4").replace(
        'transitions = ["1m OK", "5m ALARM"], act', 'states = ["4m ALARM"], act'
    )

    assert "2026-01-05 00:01:00             -  > 5            missing" in told(folder, text)


def test_a_composites_failure_shows_its_children(folder):
    found = told(folder, CASE.replace('"0s OK", "5m ALARM"', '"0s OK", "4m ALARM"'))

    assert 'its rule is ALARM("High"), with\n      High OK' in found


@pytest.mark.parametrize(
    "change,said",
    [
        (('"High"', '"Hihg"'), "alarms.toml:9:13: there is no alarm 'Hihg'; did you mean 'High'?; known: High, Parent"),
        (('metric = "Errors"', 'metric = "Error"'), "alarms.toml:7:11: no alarm reads App Error; they read App Errors"),
        (('"Act" }', '"Router" }'), "no alarm reads Errors with the dimensions {Function=Router}; they"),
        (("expect =", "messages = []\nexpect ="), "messages need a configuration's alarms, not a template's"),
        (("app.template", "other"), "alarms.toml:2:12: cannot read other.json: No such file or directory"),
    ],
)  # fmt: skip
def test_what_a_file_cannot_mean_is_refused_with_its_place(folder, change, said):
    result = ran(folder, CASE.replace(*change))

    assert result.error is not None
    assert said in report.text([result]).replace(f"{folder}/", "")


@pytest.mark.parametrize(
    "resource,said",
    [
        ({"Type": "AWS::CloudWatch::Novelty"}, "New: AWS::CloudWatch::Novelty is not supported in alarm tests yet"),
        ({"Type": "AWS::CloudWatch::Alarm", "Properties": {"Treshold": 1}}, "New.Treshold: PutMetricAlarm has no such"),
        (
            {"Type": "AWS::CloudWatch::Alarm", "Properties": {"AlarmName": {"Ref": "Nothing"}}},
            "there is no resource or parameter Nothing",
        ),
    ],
)
def test_what_a_template_holds_that_cannot_be_taken_is_refused_by_name(folder, resource, said):
    document = TEMPLATE | {"Resources": TEMPLATE["Resources"] | {"New": resource}}
    (folder / "app.template.json").write_text(json.dumps(document))

    assert said in told(folder, CASE)


def test_an_alarm_that_cloudwatch_refuses_is_told_in_its_words(folder):
    document = json.loads(json.dumps(TEMPLATE))
    document["Resources"]["High"]["Properties"]["Period"] = 61
    (folder / "app.template.json").write_text(json.dumps(document))

    assert "CloudWatch refuses High: ValidationError: Period must be" in told(folder, CASE)


def test_an_alarm_on_one_series_has_no_contributors(folder):
    text = CASE.replace("actions = [", 'contributors = [{ at = "5m", are = [] }], actions = [')

    assert told(folder, text) == "1 test in 1 file: 1 passed, 0 failed"


def test_the_command_tells_by_its_exit_code_what_happened(folder, capsys):
    path = folder / "alarms.toml"
    path.write_text(CASE)
    assert main(["test", str(path)]) == 0
    path.write_text(CASE.replace("5m Topic", "5m Toppic"))
    assert main(["test", str(folder)]) == 1
    path.write_text(CASE.replace("expect", "expct"))
    assert main(["test", str(path)]) == 2
    assert main(["test", str(folder / "nothing.toml")]) == 2
    (folder / "empty").mkdir()
    assert main(["test", str(folder / "empty")]) == 2
    path.write_text(CASE)
    assert main(["test", str(path), "--only", "nothing like it"]) == 1
    assert "no test's name contains 'nothing like it'" in capsys.readouterr().err


def test_junit_has_a_case_a_test_and_an_error_for_a_file_that_cannot_be_read(folder, capsys):
    good, bad, junit = folder / "alarms.toml", folder / "bad.toml", folder / "junit.xml"
    good.write_text(
        CASE + CASE[CASE.index("[[tests]]") :].replace("errors", "\\u0001more").replace("5m ALARM", "4m ALARM")
    )
    bad.write_text("[")

    main(["test", str(good), str(bad), "--junit", str(junit)])

    first, second = ElementTree.fromstring(junit.read_text()).findall("testsuite")  # noqa: S314 - our own
    assert (first.get("tests"), first.get("failures"), first.get("errors")) == ("2", "1", "0")
    assert [case.get("name") for case in first.findall("testcase")] == ["errors", "\ufffdmore"]
    failure = first.find("testcase/failure")
    assert failure is not None
    assert "breaching" in (failure.text or "")
    assert failure.get("message") == "High: expected transitions [1m OK, 4m ALARM], got transitions [1m OK, 5m ALARM]"
    assert (second.get("tests"), second.get("errors")) == ("1", "1")
    assert second.find("testcase/error") is not None


FLEET = {
    "Resources": {
        "Fleet": {
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": {
                "Metrics": [
                    {
                        "Id": "q",
                        "Expression": 'SELECT SUM(Errors) FROM "App" GROUP BY Service ORDER BY SUM() DESC',
                        "Period": 60,
                    }
                ],
                "EvaluationPeriods": 1,
                "Threshold": 5,
                "ComparisonOperator": "GreaterThanThreshold",
                "AlarmActions": ["arn:aws:sns:us-east-1:123456789012:critical"],
            },
        }
    }
}


def test_the_contributors_of_a_fleets_alarm_are_expected_by_their_attributes(folder):
    (folder / "app.template.json").write_text(json.dumps(FLEET))
    text = """
template = "app.template.json"
namespace = "App"
[[tests]]
name = "one of two functions fails"
series = [
  { metric = "Errors", dimensions = { Service = "a" }, values = "0x2 9x4" },
  { metric = "Errors", dimensions = { Service = "b" }, values = "0x7" },
]
[[tests.expect]]
alarm = "Fleet"
states = ["5m ALARM"]
contributors = [{ at = "3m", are = [] }, { at = "5m", are = [{ Service = "a" }] }]
"""

    assert told(folder, text) == "1 test in 1 file: 1 passed, 0 failed"
    assert "expected 5m contributors {Service=b}\n    got      5m contributors {Service=a}" in told(
        folder, text.replace('{ Service = "a" }] }]', '{ Service = "b" }] }]')
    )


def test_a_mute_rule_of_the_template_holds_actions_back_until_its_end(folder):
    document = json.loads(json.dumps(TEMPLATE))
    document["Resources"]["Night"] = {
        "Type": "AWS::CloudWatch::AlarmMuteRule",
        "Properties": {
            "Rule": {"Schedule": {"Expression": "cron(0 0 * * *)", "Duration": "PT5M", "Timezone": "UTC"}},
            "MuteTargets": {"AlarmNames": [{"Ref": "High"}]},
        },
    }
    (folder / "app.template.json").write_text(json.dumps(document))

    text = CASE.replace("0x2 9x4", "9x9").replace("1m OK", "2m ALARM").replace('"2m ALARM", "5m ALARM"', '"2m ALARM"')

    assert told(folder, text.replace('"0s OK", "5m', '"0s OK", "2m')) == "1 test in 1 file: 1 passed, 0 failed"


SOURCE = """
template = "app.template.json"
[[tests]]
name = "orders"
series = [{ source = 'LAMBDA( "orders", 3.0 )', label = "failed", values = "0x2 9x4" }]
expect = [{ alarm = "Orders", transitions = ["1m OK", "4m ALARM"] }]
"""


@pytest.fixture
def connected(tmp_path: Path) -> Path:
    metric = {"Id": "e1", "Expression": "FILL(LAMBDA('orders', 3), 0)", "Period": 60, "ReturnData": True}
    properties = {
        "AlarmName": "Orders",
        "Metrics": [metric],
        "EvaluationPeriods": 1,
        "Threshold": 5,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    template = {"Resources": {"Orders": {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}}}
    (tmp_path / "app.template.json").write_text(json.dumps(template))
    return tmp_path


def test_a_connected_data_source_answers_with_the_series_of_the_test(connected):
    assert told(connected, SOURCE) == "1 test in 1 file: 1 passed, 0 failed"


@pytest.mark.parametrize(
    "call,said",
    [
        ("LAMBDA('other')", "5:11: no alarm reads LAMBDA('other'); they read LAMBDA('orders', 3.0)"),
        ("LAMBDA(orders)", "5:30: unexpected 'orders' at position 7; expected a string in quotes"),
        ("AVG(m1)", "a call of DB_PERF_INSIGHTS, INSIGHT_RULE_METRIC, LAMBDA is needed"),
    ],
)
def test_a_source_that_no_alarm_reads_or_that_is_none_is_named(connected, call, said):
    text = SOURCE.replace("""'LAMBDA( "orders", 3.0 )'""", f'"{call}"')

    assert said in told(connected, text)


def test_a_metric_that_an_alarm_on_a_data_source_does_not_read_is_named(connected):
    text = SOURCE.replace("source", "namespace").replace("label", "metric")

    assert "no alarm reads" in told(connected, text)
