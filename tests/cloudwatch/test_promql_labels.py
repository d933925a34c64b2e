import re

import pytest

from core.cloudwatch.promql import PromqlError
from tests.cloudwatch.test_promql import A, B, C, Y, evaluated


@pytest.mark.parametrize(
    "text, expected",
    [
        (
            "label_replace(x{host='a'}, 'rack', '$1-${1}$$', 'host', '(.*)')",
            {"__name__=x host=a rack=a-a$ zone=u": 3},
        ),
        ("label_replace(x{host='a'}, 'rack', '$1', 'host', 'b(.*)')", {"__name__=x host=a zone=u": 3}),
        ("label_replace(x{host='a'}, 'zone', '$2', 'host', '(.*)')", {"__name__=x host=a": 3}),
        ("label_replace(x{host='a'}, 'in', '${z}', 'zone', '(?P<z>.*)')", {"__name__=x host=a in=u zone=u": 3}),
        ("label_replace(x{host='a'}, 'rack', 'none', 'absent', '')", {"__name__=x host=a rack=none zone=u": 3}),
        ("label_join(x{host='a'}, 'place', '/', 'zone', 'host', 'no')", {"__name__=x host=a place=u/a/ zone=u": 3}),
        ("sum by (first) (label_replace(x, 'first', 'q', 'host', '[ab]'))", {"first=q": 7, "": 7}),
        ("count_values('v', x)", {"v=3": 1, "v=4": 1, "v=7": 1}),
        ("count_values by (zone) ('v', x > bool 3.5)", {"v=0 zone=u": 1, "v=1 zone=u": 1, "v=1 zone=v": 1}),
        ("count_values('v', y / y)", {"v=NaN": 1}),
        ("count_values('v', 1e21 * x{host='a'} / 8)", {"v=375000000000000000000": 1}),
        ("year() + month() / 100", {"": 2026.11}),
        ("hour(vector(3661)) + minute(vector(3661))", {"": 2}),
        ("day_of_week(vector(0)) + day_of_year(vector(0))", {"": 5}),
        ("days_in_month(vector(951782400)) + day_of_month(vector(951782400))", {"": 58}),
    ],
)
def test_labels_and_dates(text, expected):
    assert evaluated(text, A, B, C, Y) == pytest.approx(expected)


@pytest.mark.parametrize(
    "text, reason",
    [
        ("label_replace(x, 'host', 'one', 'zone', '.*')", "more than one series of the same labels"),
        ("label_replace(x, '', 'one', 'zone', '.*')", "a label needs a name: at position 0"),
        ("label_replace(x, 'a', 'one', 'zone', '(')", "'(' is not a regular expression"),
        ("label_join(x, 'a', '-', '')", "a label needs a name"),
    ],
)
def test_what_gives_no_labels_is_refused(text, reason):
    with pytest.raises(PromqlError, match=re.escape(reason)):
        evaluated(text, A, B, C)
