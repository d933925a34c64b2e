import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.incidents.policy import ChannelKind
from core.messages import document, story, substitutes, templates
from core.messages.templates import FIELDS, PARTS, parse
from tests.messages import samples
from tests.messages.forms import faults
from tests.messages.reading import KINDS, mail, message, seen
from tests.messages.samples import PLACE

FIRST = samples.reasons()["first"]
KIND_OF = {
    "mail": ChannelKind.SNS,
    "slack": ChannelKind.SLACK,
    "teams": ChannelKind.TEAMS,
    "amazon-q": ChannelKind.AMAZON_Q,
    "pagerduty": ChannelKind.PAGERDUTY,
    "opscenter": ChannelKind.OPSCENTER,
}


@pytest.mark.parametrize("part, kind", KIND_OF.items())
def test_a_template_says_it_in_other_words(part, kind):
    found = message(FIRST, kind, templates=parse({f"{part}.txt": "Oi! $name: $title is $value (over $threshold)"}))

    assert "Oi! ranker: p99 model latency is over its objective is 812 ms (over 500 ms)" in seen(found)
    assert "not used" not in seen(found)


def test_subject_and_sms_have_templates_of_their_own():
    found = message(FIRST, templates=parse({"subject.txt": "$severity: $name\n", "sms.txt": "$name $value"}))

    assert (found.subject, found.short.splitlines()[0]) == ("critical: ranker", "ranker 812 ms")
    assert found.body == mail(FIRST)


def test_a_subject_that_grows_as_ascii_is_cut():
    found = message(FIRST, templates=parse({"subject.txt": "\ufdfa" * 99}))

    assert faults(found) == []
    assert len(found.subject) == 99


@pytest.mark.parametrize("kind", [ChannelKind.SLACK, ChannelKind.TEAMS, ChannelKind.AMAZON_Q, ChannelKind.OPSCENTER])
def test_head_action_and_reason_stay_around_a_template(kind):
    part = next(part for part, of in KIND_OF.items() if of is kind)

    told = seen(message(FIRST, kind, templates=parse({f"{part}.txt": "short"})))

    assert "CRITICAL ranker: p99 model latency is over its objective" in told
    assert "none taken: mlwarden only watches here" in told
    assert "Why now: first message of this incident." in told
    assert "LIKELY CAUSE" not in told


@pytest.mark.parametrize(
    "text, problem",
    [
        ("$nmae fires", "$nmae is not a field; there are account, action,"),
        (" \n", "it is empty"),
        ("$variant$resolved" * 2000, "it has 34,000 characters; 20,000 is the most"),
        ("costs $ 5", "a $ stands alone; $$ is a dollar sign"),
        ("${title", "a $ stands alone"),
        ("$silence", "it is empty when it is filled in"),
        ("$first_line" * 300, "characters when it is filled in; 16,384 is the most"),
    ],
)
def test_a_broken_template_falls_back_and_the_last_line_says_so(text, problem):
    told = samples.reasons()["all-resolved"]
    broken = parse({"mail.txt": text})

    found = mail(told, broken)

    assert found.startswith(mail(told))
    last = " ".join(found.removeprefix(mail(told)).split())
    assert last.startswith("The template mail.txt was not used: ")
    assert problem in last


@pytest.mark.parametrize("part", PARTS)
def test_a_broken_template_of_any_part_is_told_in_the_message(part):
    kind = KIND_OF.get(part, ChannelKind.SNS)

    found = message(FIRST, kind, templates=parse({f"{part}.txt": "$nonsense"}))

    assert f"The template {part}.txt was not used: $nonsense is not a field" in " ".join(seen(found).split())
    assert faults(found) == []


def test_names_cannot_run_anything_in_a_template():
    evil = parse({"mail.txt": "$title and $$title and ${name}"})

    assert mail(FIRST, evil) == "p99 model latency is over its objective and $title and ranker\n"


def test_a_template_cannot_bring_mentions_in_through_names():
    found = message(
        samples.kind("sagemaker"), ChannelKind.SLACK, templates=parse({"slack.txt": "*$name* <!here> $group"})
    )

    texts = [block["text"]["text"] for block in json.loads(found.body)["blocks"][1:] if "text" in block]
    assert texts[0].startswith("*Translator* <!here> ")


def test_every_field_that_is_documented_is_there_for_every_message():
    for told in samples.everything().values():
        fields = substitutes.gather(document.compose(story.tell(told), PLACE))

        assert fields.keys() == FIELDS.keys()
        assert not [value for value in fields.values() if "None" in value]


def test_a_file_that_is_for_no_part_is_refused_by_name():
    with pytest.raises(ValueError, match=r"e-mail\.txt: no message has such a part; there are subject\.txt, mail\.txt"):
        parse({"e-mail.txt": "x"})


def test_what_is_wrong_whatever_the_message_is_known_before_one_is_sent():
    found = templates.problems(parse({"sms.txt": "$foo", "mail.txt": "$title", "teams.txt": ""}))

    assert [problem.partition(":")[0] for problem in found] == ["sms.txt", "teams.txt"]


def test_templates_survive_the_layer():
    whole = parse({"mail.txt": "日本 $title\n", "sms.txt": "$name"})

    assert templates.decode(templates.encode(whole)) == whole


@settings(max_examples=60, deadline=None)
@given(text=st.text(max_size=400), part=st.sampled_from(sorted(PARTS)))
def test_whatever_a_template_says_no_service_would_refuse_the_message(text, part):
    for kind in KINDS:
        assert faults(message(FIRST, kind, templates=parse({f"{part}.txt": text}))) == []


def test_the_guide_lists_every_file_and_field_as_the_code_has_them():
    guide = (Path(__file__).parents[2] / "docs" / "message-templates.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in guide.splitlines() if "`" in line[:4]]

    assert {row[0].strip("`$"): row[1] for row in rows if row[0].startswith("`$")} == FIELDS
    assert {row[0].strip("`"): row[2] for row in rows if row[0].endswith(".txt`")} == {
        f"{part}.txt": f"{most:,}" for part, most in PARTS.items()
    }
