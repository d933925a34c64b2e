import pytest

from core.incidents import matchers
from core.incidents.silences import create, edit, expire, merge, muting
from tests.incidents.streams import at, labels


def made(text="alarm=x", *, start=0.0, end=100.0, now=0.0):
    return create(
        matchers.parse(text), starts_at=at(start), ends_at=at(end), created_by="me", comment="why", now=at(now)
    )


@pytest.mark.parametrize("second, active", [(9, False), (10, True), (99, True), (100, False)])
def test_a_silence_holds_from_its_start_until_just_before_its_end(second, active):
    assert made(start=10).active(at(second)) is active


@pytest.mark.parametrize("text, found", [("alarm=x", True), ("alarm=y", False), ('alarm=x,team!="a"', True)])
def test_a_silence_mutes_what_fits_all_matchers(text, found):
    assert bool(muting([made(text)], labels("x"), at(5))) is found


@pytest.mark.parametrize(
    "wrong, said",
    [
        ({"text": 'alarm=~".*"'}, "everything"),
        ({"text": "team!=a"}, "everything"),
        ({"text": ""}, "at least one"),
        ({"end": 0.0}, "not after"),
        ({"start": 5.0, "end": 5.0}, "not after"),
    ],
)
def test_a_silence_that_makes_no_sense_is_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        made(**wrong)


def test_a_silence_begins_now_at_the_earliest():
    assert made(start=-50, now=3).starts_at == at(3)


def test_an_expired_silence_stays_for_the_record():
    over = expire(made(), now=at(40))

    assert (over.starts_at, over.ends_at, over.updated_at) == (at(0), at(40), at(40))
    assert not over.active(at(40))
    with pytest.raises(ValueError, match="ended at"):
        expire(over, now=at(50))


def test_a_silence_that_never_began_never_will():
    over = expire(made(start=50), now=at(40))

    assert (over.starts_at, over.ends_at) == (at(40), at(40))


def test_a_longer_end_is_the_same_silence():
    old = made()

    (edited,) = edit(old, made(end=200, now=50), now=at(50))

    assert (edited.id, edited.starts_at, edited.ends_at, edited.updated_at) == (old.id, at(0), at(200), at(50))


def test_other_matchers_are_another_silence():
    old = made()

    over, new = edit(old, made("alarm=y", end=200, now=50), now=at(50))

    assert (over.id, over.ends_at) == (old.id, at(50))
    assert new.id != old.id


def test_a_start_that_has_passed_cannot_be_moved():
    old = made()

    over, new = edit(old, made(start=70, end=200, now=50), now=at(50))

    assert (over.id, over.ends_at) == (old.id, at(50))
    assert new.starts_at == at(70)


def test_a_start_that_is_yet_to_come_can_be_moved():
    old = made(start=60)

    (edited,) = edit(old, made(start=70, end=200, now=50), now=at(50))

    assert (edited.id, edited.starts_at) == (old.id, at(70))


def test_what_has_ended_stays_as_it_was_when_it_is_silenced_again():
    old = expire(made(), now=at(40))

    (new,) = edit(old, made(end=200, now=50), now=at(50))

    assert new.id != old.id
    assert (new.starts_at, new.ends_at) == (at(50), at(200))


def test_the_later_written_version_wins_whichever_comes_first():
    old = made()
    new = expire(old, now=at(9))

    assert merge(old, new) == merge(new, old) == new
