from datetime import timedelta

import pytest

from agent.credentials import CredentialsError, Provider, from_chain, parse_chain
from agent.signing import Credentials
from tests.agent.fakes import NOON


class Chain:
    """Hands out numbered credentials that are valid for an hour."""

    def __init__(self):
        self.runs = 0
        self.now = NOON
        self.error = None

    def __call__(self):
        self.runs += 1
        if self.error is not None:
            raise self.error
        return Credentials(f"key-{self.runs}", "secret", "", self.now + timedelta(hours=1))


def test_keys_in_the_environment_are_used_without_any_child():
    environment = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_SESSION_TOKEN": "c"}
    chain = Chain()

    assert Credentials("a", "b", "c") == Provider(environment=environment, chain=chain).get(NOON)
    assert chain.runs == 0


def test_credentials_are_refreshed_five_minutes_early():
    chain = Chain()
    provider = Provider(environment={}, chain=chain)

    assert provider.get(NOON).access_key == "key-1"
    assert provider.get(NOON + timedelta(minutes=54)).access_key == "key-1"
    assert provider.get(NOON + timedelta(minutes=55)).access_key == "key-2"


def test_credentials_that_cannot_be_refreshed_are_used_while_they_are_valid():
    chain = Chain()
    provider = Provider(environment={}, chain=chain)
    provider.get(NOON)
    chain.error = CredentialsError("metadata service away")

    assert provider.get(NOON + timedelta(minutes=56)).access_key == "key-1"
    with pytest.raises(CredentialsError, match="away"):
        provider.get(NOON + timedelta(minutes=61))


def test_the_chain_is_not_run_more_than_once_a_minute():
    chain = Chain()
    chain.error = CredentialsError("none")
    provider = Provider(environment={}, chain=chain)
    for second in range(60):
        with pytest.raises(CredentialsError):
            provider.get(NOON + timedelta(seconds=second))

    assert chain.runs == 1


def test_a_clock_that_was_set_back_does_not_keep_the_chain_from_being_asked():
    chain = Chain()
    provider = Provider(environment={}, chain=chain)
    provider.get(NOON)
    provider.refuse(NOON)

    assert provider.get(NOON - timedelta(hours=2)).access_key == "key-2"


def test_refused_credentials_are_replaced():
    chain = Chain()
    provider = Provider(environment={}, chain=chain)
    provider.get(NOON)

    assert not provider.refuse(NOON + timedelta(seconds=5)), "they are fresh: others would be the same"
    assert provider.refuse(NOON + timedelta(minutes=2))
    assert provider.get(NOON + timedelta(minutes=2)).access_key == "key-2"


def test_keys_from_the_environment_have_no_replacement():
    provider = Provider(environment={"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}, chain=Chain())

    assert not provider.refuse(NOON)


def test_an_answer_that_cannot_be_read_is_not_repeated():
    with pytest.raises(CredentialsError) as caught:
        parse_chain(b'{"access_key": "hush"}')

    assert "hush" not in str(caught.value)


@pytest.fixture
def bare_environment(monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_botocores_chain_runs_in_a_child_and_its_keys_come_back(bare_environment):
    (bare_environment / "credentials").write_text("[default]\naws_access_key_id = a\naws_secret_access_key = b\n")

    assert Credentials("a", "b") == from_chain()


def test_a_host_without_credentials_is_told_what_would_help(bare_environment):
    with pytest.raises(CredentialsError, match="give the host a role, or set AWS_ACCESS_KEY_ID"):
        from_chain()
