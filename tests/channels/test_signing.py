import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.channels import signing
from core.channels.signing import BadKeys, Key

NOW = datetime(2026, 11, 21, 12, 0, 0, 250_000, tzinfo=UTC)
OLD, NEW = Key("2026a", b"a" * 32), Key("2026b", b"b" * 32)


def secret(*keys: tuple[str, str]) -> str:
    return json.dumps({"keys": [{"id": name, "key": key} for name, key in keys]})


def test_the_signature_is_hmac_sha256_over_timestamp_dot_body() -> None:
    headers = signing.sign(b'{"a":1}', [NEW], now=NOW)

    expected = hmac.new(b"b" * 32, b'1795262400.{"a":1}', hashlib.sha256).hexdigest()
    assert headers == {"X-Mlwarden-Timestamp": "1795262400", "X-Mlwarden-Signature": f"2026b={expected}"}


@pytest.mark.parametrize("known", [OLD, NEW])
def test_during_a_rotation_a_receiver_with_either_key_takes_the_message(known: Key) -> None:
    headers = signing.sign(b"body", [NEW, OLD], now=NOW)

    assert signing.verify(b"body", headers, [known], now=NOW)


def test_a_receiver_with_neither_key_refuses_it() -> None:
    headers = signing.sign(b"body", [NEW, OLD], now=NOW)

    assert not signing.verify(b"body", headers, [Key("2026b", b"c" * 32)], now=NOW)


@pytest.mark.parametrize("late", [timedelta(minutes=5, seconds=1), timedelta(minutes=-6)])
def test_a_message_played_again_later_is_refused(late: timedelta) -> None:
    headers = signing.sign(b"body", [NEW], now=NOW)

    assert not signing.verify(b"body", headers, [NEW], now=NOW + late)


@given(st.binary(), st.binary())
def test_any_change_of_the_body_is_seen(body: bytes, other: bytes) -> None:
    headers = signing.sign(body, [NEW], now=NOW)

    assert signing.verify(other, headers, [NEW], now=NOW) == (body == other)


@given(st.dictionaries(st.sampled_from([signing.TIMESTAMP, signing.SIGNATURE]), st.text()))
def test_no_headers_make_a_receiver_raise(headers: dict[str, str]) -> None:
    assert not signing.verify(b"body", headers, [NEW], now=NOW)


def test_header_names_are_compared_without_case() -> None:
    headers = {name.lower(): value for name, value in signing.sign(b"body", [NEW], now=NOW).items()}

    assert signing.verify(b"body", headers, [NEW], now=NOW)


def test_a_secret_holds_one_or_two_keys() -> None:
    assert signing.keys(secret(("2026b", "b" * 32), ("2026a", "a" * 32))) == (NEW, OLD)


@pytest.mark.parametrize(
    "text,said",
    [
        ("hunter2-hunter2-hunter2-hunter2-hunter2", "not JSON"),
        ("[]", "keys: a list of one or 2"),
        ('{"keys": []}', "keys: a list of one or 2"),
        (secret(*[(f"k{n}", "k" * 32) for n in range(3)]), "keys: a list of one or 2"),
        ('{"keys": [{"id": "a"}]}', r"keys\[0\]: id and key are needed"),
        (secret(("a", "short")), r"keys\[0\].key: 5 bytes; at least 32"),
        (secret(("a b", "k" * 32)), r"keys\[0\].id"),
        (secret(("a", "k" * 32), ("a", "l" * 32)), "the ids are the same"),
    ],
)
def test_a_secret_that_cannot_sign_says_what_is_wrong_and_not_what_it_holds(text: str, said: str) -> None:
    with pytest.raises(BadKeys, match=said) as caught:
        signing.keys(text)

    assert "hunter2" not in str(caught.value)
    assert "kkkk" not in str(caught.value)


def test_a_key_is_not_shown() -> None:
    assert repr(NEW) == "Key(id='2026b')"
