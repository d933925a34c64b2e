"""Which metrics a SEARCH finds."""

import pytest

from core.cloudwatch.expression import ExpressionError, parse, searches
from core.cloudwatch.expression.search import Pattern, tokens


def pattern(text: str) -> Pattern:
    (found,) = searches(parse("SEARCH('" + text.replace("'", "''") + "', 'Average', 300)"))
    return found.pattern


def finds(text: str, name: str = "CustomCount1", namespace: str = "MyNamespace", **dimensions: str) -> bool:
    return pattern(text).finds(namespace, name, tuple(sorted(dimensions.items())))


@pytest.mark.parametrize(
    "text,parts",
    [
        ("CustomCount1", ("Custom", "Count", "1")),
        ("SDBFailure", ("SDB", "Failure")),
        ("Project2-trial333", ("Project", "2", "trial", "333")),
        ("Network-Errors_2", ("Network", "Errors", "2")),
    ],
)
def test_strings_are_cut_into_the_documented_tokens(text, parts):
    assert tokens(text) == parts


@pytest.mark.parametrize("term", ["count", "Count", "COUNT", "CustomCount", "Count1", "custom", "1", "customcount1"])
def test_partial_matches_of_the_user_guide_find_the_metric(term):
    assert finds(term)


@pytest.mark.parametrize("term", ["couNT", "customcount", "count1", "Custo", "CustomCount2", "--"])
def test_what_the_user_guide_says_does_not_match_is_not_found(term):
    assert not finds(term)


@pytest.mark.parametrize("term", ["network/errors", "network+errors", "network-errors", "Network_Errors"])
@pytest.mark.parametrize("name", ["Network-Errors-2", "NetworkErrors2"])
def test_signs_only_part_the_tokens(term, name):
    assert finds(term, name)


@pytest.mark.parametrize(
    "text,found",
    [
        ('{MyNamespace}, "CustomCount1"', True),
        ('{MyNamespace}, "customcount1"', False),
        ('{MyNamespace}, "Custom"', False),
        ("{MyNamespace}", True),
        ("{Other}", False),
        ("{MyNamespace, Host}", True),
        ("{MyNamespace Host}", True),
        ("{MyNamespace, Host, Zone}", False),
        ("{MyNamespace, Zone}", False),
        ('MetricName="CustomCount1"', True),
        ("MetricName=count", True),
        ("Namespace=count", False),
        ("NOT Namespace=AWS", True),
        ("Host=web", True),
        ('Host="web"', False),
        ('Host="web-1"', True),
        ("Zone=web", False),
        ("Host=(db OR web)", True),
        ("Host=(db OR cache)", False),
        ("web count", True),
        ("web AND count", True),
        ("web db", False),
        ("db OR count", True),
        ("count NOT web", False),
        ('count NOT "ProjectA" NOT "ProjectB"', True),
        ("count AND (db OR (web AND custom))", True),
        ("db OR web count", True),
        ("and", False),
    ],
)
def test_schemas_terms_properties_and_operators_find_what_they_say(text, found):
    assert finds(text, Host="web-1") is found


def test_names_with_signs_and_spaces_are_found_in_quotes():
    text = '{"My Namespace", "Dimension@Name"}, "Europe\\\\France Traffic\\(Network\\)"'

    assert finds(text, r"Europe\France Traffic(Network)", "My Namespace", **{"Dimension@Name": "x"})


@pytest.mark.parametrize(
    "text,message,position",
    [
        ("", "a search needs a metric schema, a term or both, at position 8", 8),
        ("{}", "expected a namespace in the metric schema", 10),
        ("{App", "the search ends in the search at position 12", 12),
        ("a AND", "the search ends in the search at position 13; expected a term", 13),
        ("(a OR b", "the search ends in the search at position 15; expected ')'", 15),
        ("a)", "unexpected ')' in the search at position 9", 9),
        ('a "b', "a double quote is not closed at position 9", 9),
        ("a b=", "expected a term", 12),
        (":aws.AccountId=111122223333 a", ":aws.AccountId at position 8 searches source accounts", 8),
        ("x" * 1025, "at most 1024 characters, not 1025", 8),
    ],
)
def test_a_bad_search_is_refused_with_its_position(text, message, position):
    with pytest.raises(ExpressionError) as refused:
        pattern(text)

    assert message in refused.value.message
    assert position == refused.value.position


@pytest.mark.parametrize(
    "text,message",
    [
        ("SEARCH('x')", "expected ','"),
        ("SEARCH(m1, 'Sum')", "unexpected 'm1' at position 7; expected a string in quotes"),
        ("SEARCH('x', 'Median')", "The value Median for parameter Stat is invalid"),
        ("SEARCH('x', 'Sum', m1)", "expected a period in seconds"),
    ],
)
def test_bad_arguments_of_search_are_refused(text, message):
    with pytest.raises(ExpressionError) as refused:
        parse(text)

    assert message in refused.value.message
