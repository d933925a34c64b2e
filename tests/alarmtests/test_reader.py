from datetime import UTC, datetime, timedelta

import pytest

from core.alarmtests.document import DocumentError, SourceKind
from core.alarmtests.reader import read
from core.cloudwatch.notation import Samples
from core.cloudwatch.state import State

HEAD = 'config = "c.toml"\nnamespace = "App"\n'
CASE = '[[tests]]\nname = "one"\nexpect = [{ alarm = "High", states = ["1m OK"] }]\n'


def problems(text: str) -> list[str]:
    with pytest.raises(DocumentError) as caught:
        read(text)
    return [f"{problem.place} {problem.text}" for problem in caught.value.problems]


def test_a_file_is_read_with_what_its_tests_inherit():
    document = read(
        'template = "cdk.out"\ninterval = "5m"\nnamespace = "App"\ndimensions = { B = "2", A = "1" }\n'
        "start = 2026-11-20T10:00:00+01:00\n" + CASE + 'series = [{ metric = "Errors", values = "1 2" }]\n'
    )

    assert document.source.kind is SourceKind.TEMPLATE
    (case,) = document.cases
    assert case.interval == timedelta(minutes=5)
    assert case.start == datetime(2026, 11, 20, 9, tzinfo=UTC)
    assert case.inputs[0].namespace == "App"
    assert case.inputs[0].dimensions == (("A", "1"), ("B", "2"))
    assert case.inputs[0].periods == (Samples(((1, 1),)), Samples(((2, 1),)))
    assert case.expected[0].states[0].state is State.OK


def test_a_test_lasts_until_its_last_period_or_expectation():
    text = HEAD + CASE

    assert read(text).cases[0].until == timedelta(minutes=1)
    assert read(text + 'series = [{ metric = "E", values = "1x9" }]').cases[0].until == timedelta(minutes=10)
    assert read(text + 'until = "1h"').cases[0].until == timedelta(hours=1)


def test_a_typo_is_named_with_line_column_and_the_known_keys():
    assert problems(HEAD + CASE + 'series = [\n  { metric = "E", valeus = "1x9" },\n]\n') == [
        "7:3 a series lacks 'values'",
        (
            "7:19 a series has no key 'valeus'; did you mean 'values'?; known: metric, values, namespace, "
            "dimensions, unit, source"
        ),
    ]


@pytest.mark.parametrize(
    "text,said",
    [
        ("tests = [", "1:10 not TOML: Invalid value"),
        ("a = 1\na = 2", "2:6 not TOML: Cannot overwrite a value"),
        (CASE, "1:1 exactly one of config and template is needed"),
        (HEAD, "1:1 the file lacks 'tests'"),
        ("tests = []\n" + HEAD, "1:9 there are no tests; [[tests]] begins one"),
        (HEAD + CASE + CASE, "6:1 two tests are called 'one'"),
        (HEAD + CASE + "interval = 5", "6:12 interval: text in quotes is needed here, not 5"),
        (HEAD + CASE + 'interval = "7s"', "6:12 interval divides a minute or is a number of whole minutes"),
        (HEAD + CASE + 'interval = "5x"', "6:12 '5x' is no length of time; 90s, 5m, 1h30m or 2d would be right"),
        (HEAD + CASE + 'until = "30s"', "6:9 something is expected after the test's end"),
        (HEAD + CASE + 'until = "60d"', "3:1 a test lasts at most 31 days"),
        (HEAD + CASE + "start = 2026-01-05", "6:9 start is a whole minute with its offset"),
        (HEAD + CASE + 'series = [{ metric = "E", values = "1 x" }]', "6:39 'x' is not a token"),
        ('config = "c"\n' + CASE + 'series = [{ metric = "E", values = "1" }]', "has no namespace"),
        (HEAD + CASE.replace("1m OK", "1m FINE"), "5:39 states: 'FINE' is not a state"),
        (HEAD + CASE.replace("1m OK", "OK"), "5:39 'OK' is not a time and a word; '3m ALARM' would be right"),
        (HEAD + CASE.replace('["1m OK"]', '["2m OK", "1m OK"]'), "5:48 states are in the order of their times"),
        (HEAD + CASE.replace(', states = ["1m OK"]', ""), "5:11 nothing is expected of the alarm"),
        (HEAD + CASE + 'messages = [{ at = "1m", topic = "critcal" }]', "6:34 'critcal' is not a topic; did you mean"),
        (HEAD + CASE + "messages = [{ }]", "6:13 a message lacks 'at'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_place(text, said):
    assert any(said in problem for problem in problems(text)), problems(text)


def test_all_problems_of_a_file_are_told_in_its_order():
    found = problems(HEAD + '[[tests]]\nnme = "x"\n[[tests]]\nname = 3\nexpect = {}\n')

    assert [problem.split(" ")[0] for problem in found] == ["3:1", "3:1", "4:1", "5:1", "6:8", "7:10"], found
