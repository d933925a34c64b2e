import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cloudwatch.composite import (
    And,
    AtLeast,
    Constant,
    InState,
    Not,
    Or,
    RuleError,
    State,
    children,
    deciding,
    evaluate,
    parse,
    render,
)

STATES = {"a": State.ALARM, "b": State.OK, "c": State.INSUFFICIENT_DATA, "d e": State.ALARM}


@pytest.mark.parametrize(
    "text,holds",
    [
        ("ALARM(a)", True),
        ("ALARM(b)", False),
        ("OK(b) AND INSUFFICIENT_DATA(c)", True),
        ("NOT ALARM(a)", False),
        ("NOT ALARM(b) AND NOT ALARM(c)", True),
        ("ALARM(b) AND ALARM(b) OR ALARM(a)", True),
        ("ALARM(b) AND (ALARM(b) OR ALARM(a))", False),
        ('ALARM("d e")', True),
        ("ALARM(arn:aws:cloudwatch:us-east-1:123456789012:alarm:a)", True),
        ('ALARM("arn:aws:cloudwatch:us-east-1:123456789012:alarm:d e")', True),
        ("TRUE", True),
        ("FALSE OR false", False),
        ('AT_LEAST(2, ALARM, (a, b, "d e"))', True),
        ('AT_LEAST(2, NOT ALARM, (a, b, "d e"))', False),
        ('AT_LEAST("50%", ALARM, (a, b, c))', False),
        ('AT_LEAST("33%", ALARM, (a, b, c))', True),
        ("  ALARM( a )\n OR\tALARM(b) ", True),
    ],
)
def test_rules_hold_as_documented(text, holds):
    assert evaluate(parse(text), STATES.__getitem__) is holds


@pytest.mark.parametrize(
    "text,message",
    [
        ("", "the rule ends at position 0"),
        ("ALARM(", "expected an alarm's name or ARN"),
        ("ALARM(a", "the rule ends at position 7; expected )"),
        ("ALARM()", "at position 6"),
        ("ALARM(a) ALARM(b)", "at position 9; expected AND, OR or the end"),
        ("ALARM(a) and ALARM(b)", "at position 9; expected AND, OR or the end"),
        ("ALARM(a) AND", "the rule ends at position 12"),
        ("FIRING(a)", "expected ALARM, OK, INSUFFICIENT_DATA, AT_LEAST"),
        ("ALARM(a b)", "at position 8; expected )"),
        ("AT_LEAST(4, ALARM, (a, b))", "AT_LEAST takes 1 to 2 at position 9, not 4"),
        ("AT_LEAST(1, FIRING, (a))", "expected ALARM, OK or INSUFFICIENT_DATA"),
        ('ALARM("")', "expected an alarm's name between the quotes"),
        ("(" * 200 + "TRUE" + ")" * 200, "more than 100 levels of nesting"),
        ("TRUE OR " * 1300 + "TRUE", "at most 10240 characters"),
        (" OR ".join(f"ALARM(a{number})" for number in range(101)), "at most 100 alarms, not 101"),
        (" OR ".join(["TRUE"] * 501), "at most 500 elements, not 501"),
    ],
)
def test_what_is_refused_names_the_position_or_the_limit(text, message):
    with pytest.raises(RuleError) as refused:
        parse(text)

    assert message in refused.value.message


def test_children_are_named_once_in_order():
    rule = parse('ALARM(b) AND (ALARM("a x") OR OK(b) OR ALARM(arn:aws:cloudwatch:us-east-1:1:alarm:c))')

    assert children(rule) == ("b", "a x", "c")


@pytest.mark.parametrize(
    "text,expected",
    [
        ("ALARM(a) OR ALARM(b)", ("a",)),
        ("ALARM(b) OR ALARM(c)", ("b", "c")),
        ("ALARM(a) AND OK(b)", ("a", "b")),
        ("ALARM(a) AND ALARM(b)", ("b",)),
        ("ALARM(a) AND NOT ALARM(b)", ("a", "b")),
        ('AT_LEAST(1, ALARM, (a, b, "d e"))', ("a", "d e")),
    ],
)
def test_the_deciding_children_are_those_that_hold_the_value(text, expected):
    assert deciding(parse(text), STATES.__getitem__) == expected


names = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=8).filter(
    lambda name: not name.startswith("arn:")
)
atoms = st.one_of(
    st.booleans().map(Constant),
    st.builds(InState, st.sampled_from(State), names),
    st.lists(names, min_size=1, max_size=4).flatmap(
        lambda alarms: st.builds(
            AtLeast,
            st.integers(1, len(alarms)),
            st.booleans(),
            st.booleans(),
            st.sampled_from(State),
            st.just(tuple(alarms)),
        )
    ),
)
operands = st.deferred(lambda: rules)
rules: st.SearchStrategy = st.one_of(
    atoms,
    operands.map(Not),
    st.lists(operands.filter(lambda one: not isinstance(one, And)), min_size=2, max_size=3).map(tuple).map(And),
    st.lists(operands.filter(lambda one: not isinstance(one, Or)), min_size=2, max_size=3).map(tuple).map(Or),
)


@given(rules)
def test_a_printed_rule_parses_to_itself(rule):
    assert parse(render(rule)) == rule


@given(rules, st.randoms(use_true_random=False))
def test_the_deciding_children_alone_keep_the_value(rule, random):
    def state_of(name):
        return states.setdefault(name, random.choice(list(State)))

    states: dict[str, State] = {}
    value = evaluate(rule, state_of)
    kept = {name: state_of(name) for name in deciding(rule, state_of)}

    def other(name):
        return kept.get(name) or random.choice(list(State))

    if not any(isinstance(one, AtLeast) for one in _parts(rule)):
        assert evaluate(rule, _memo(other)) is value


def _parts(rule):
    yield rule
    match rule:
        case Not(operand):
            yield from _parts(operand)
        case And(operands) | Or(operands):
            for operand in operands:
                yield from _parts(operand)
        case _:
            pass


def _memo(ask):
    known: dict[str, State] = {}
    return lambda name: known.setdefault(name, ask(name))
