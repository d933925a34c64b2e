import json

import pytest

from core.cloudwatch import logpatterns
from core.cloudwatch.logpatterns import PatternError

EVENT = json.dumps(
    {
        "level": "ERROR",
        "code": 404,
        "ok": False,
        "nothing": None,
        "user": {"name": "ann.b"},
        "items": [{"price": 3}, {"price": 12}],
        "a.b": 1,
    }
)
ACCESS = '127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /apache_pb.gif HTTP/1.0" 500 1534'


@pytest.mark.parametrize(
    "pattern, message, matches",
    [
        ("", "anything", True),
        ("ERROR", "[ERROR] a", True),
        ("ERROR", "error", False),
        ("ERROR ARGUMENTS", "[ERROR] UNAUTHORIZED ARGUMENTS", True),
        ("ERROR ARGUMENTS", "[ERROR] 400", False),
        ("?ERROR ?ARGUMENTS", "ARGUMENTS", True),
        ("?ERROR ?ARGUMENTS", "fine", False),
        ("ERROR -ARGUMENTS", "ERROR ARGUMENTS", False),
        ("ERROR -ARGUMENTS", "ERROR 5", True),
        ('"INTERNAL SERVER ERROR"', "x INTERNAL SERVER ERROR y", True),
        ('"INTERNAL SERVER ERROR"', "INTERNAL ERROR", False),
        ("%ERR[A-Z]+%", "ERRNO", True),
        ("?WARN ERROR", "ERROR", True),
    ],
)
def test_terms(pattern, message, matches):
    assert (logpatterns.parse(pattern)(message) is not None) is matches


@pytest.mark.parametrize(
    "condition, matches",
    [
        ('$.level = "ERROR"', True),
        ("$.level = ERR*", True),
        ('$.level != "ERROR"', False),
        ("$.level = %^ERR%", True),
        ("$.code = 404", True),
        ("$.code >= 400 && $.code < 500", True),
        ("$.code > 4.04e2", False),
        ("$.ok IS FALSE", True),
        ("$.ok IS TRUE", False),
        ("$.nothing IS NULL", True),
        ("$.missing NOT EXISTS", True),
        ("$.level NOT EXISTS", False),
        ("$.user.name = ann*", True),
        ("$.items[0].price = 3", True),
        ("$.items[*].price > 10", True),
        ("$.items[5].price > 10", False),
        ("$.['a.b'] = 1", True),
        ('($.level = "INFO" || $.code = 404) && $.ok IS FALSE', True),
        ('$.level = "INFO" || $.code = 404 && $.ok IS TRUE', False),
        ("$.missing != 1", False),
    ],
)
def test_json_conditions(condition, matches):
    assert (logpatterns.parse(f"{{ {condition} }}")(EVENT) is not None) is matches


def test_a_json_pattern_passes_over_what_is_not_json():
    assert logpatterns.parse("{ $.a NOT EXISTS }")("plain text") is None


@pytest.mark.parametrize(
    "pattern, matches",
    [
        ("[ip, id, user, at, request, status, size]", True),
        ("[ip, id, user, at, request, status = 5*, size]", True),
        ("[ip, id, user, at, request, status = 4*, size]", False),
        ("[..., status = 500, size > 1000]", True),
        ("[ip, ..., size < 1000]", False),
        ("[ip, ...]", True),
        ("[ip, id]", False),
        ("[ip, id, user = frank && user != ann, ..., status = 4* || status = 5*, size]", True),
        ('[ip, id, user, at, request = "GET *", status, size]', True),
    ],
)
def test_columns(pattern, matches):
    assert (logpatterns.parse(pattern)(ACCESS) is not None) is matches


def test_a_matched_event_gives_its_fields():
    columns = logpatterns.parse("[..., status, size]")(ACCESS)
    document = logpatterns.parse("{ $.code = * }")(json.dumps({"code": "x", "ms": 3.5}))

    assert columns is not None
    assert document is not None
    assert (columns("$size"), columns("$none"), document("$.ms"), document("$.none")) == ("1534", None, 3.5, None)


@pytest.mark.parametrize(
    "pattern, where",
    [
        ("{ $.a = }", "at 9: expected a value"),
        ("{ $.a = 1", "at 10: expected '}', found the end"),
        ("{ level = 1 }", "at 3: expected a property selector"),
        ("{ $.a > x }", "compares numbers"),
        ("{ $.a IS 1 }", "expected NULL, TRUE or FALSE"),
        ("[a, b", "expected ','"),
        ("[a, ..., ...]", "one ... at most"),
        ("%[%", "not a regular expression"),
        ('"open', "is not a term"),
        ("x" * 1025, "at most 1024"),
    ],
)
def test_a_malformed_pattern_is_refused_with_its_place(pattern, where):
    with pytest.raises(PatternError, match=where.replace("[", r"\[").replace(".", r"\.")):
        logpatterns.parse(pattern)


def extracted_by(pattern, message):
    found = logpatterns.parse(pattern)(message)
    assert found is not None
    return found.extracted


@pytest.mark.parametrize(
    "pattern, extracted",
    [
        ("[ip, id, user, at, request, status, size]", "$ip $id $user $at $request $status $size"),
        ("[..., size]", "$1 $2 $3 $4 $5 $6 $size"),
        ("[]", "$1 $2 $3 $4 $5 $6 $7"),
        ("[..., request=*.gif*, status=5*,]", "$1 $2 $3 $4 $request $status $7"),
    ],
)
def test_columns_are_extracted_by_name_or_by_place(pattern, extracted):
    found = extracted_by(pattern, ACCESS)

    values = ("127.0.0.1", "-", "frank", "10/Oct/2000:13:25:15 -0700", "GET /apache_pb.gif HTTP/1.0", "500", "1534")
    assert found == dict(zip(extracted.split(), values, strict=True))


def test_selectors_of_a_condition_are_extracted_and_terms_extract_nothing():
    found = extracted_by('{ $.level = "ERROR" && ($.code >= 400 || $.missing = 1) && $.ok IS FALSE }', EVENT)

    assert found == {"$.level": "ERROR", "$.code": "404", "$.ok": "false"}
    assert extracted_by("ERROR", EVENT) == {}
