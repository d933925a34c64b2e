import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from core.channels.addresses import BadTarget
from core.channels.outcome import Verdict
from lambdas.adapters import https
from lambdas.adapters.https import Unreachable
from tests.channels.conftest import LOOPBACK, Service


def test_a_post_carries_body_and_headers_to_the_path(service: Service) -> None:
    service.answer(202, b"taken")

    answer = https.post(f"{service.url}/hook?x=1", b"body", {"X-A": "b"}, allowed=LOOPBACK)

    assert (answer.status, answer.body) == (202, b"taken")
    assert (service.requests[0].path, service.requests[0].body) == ("/hook?x=1", b"body")
    assert service.requests[0].headers["X-A"] == "b"


def test_a_redirect_is_not_followed(service: Service) -> None:
    service.answer(307, Location=f"{service.url}/elsewhere")

    answer = https.post(f"{service.url}/hook", b"", {}, allowed=LOOPBACK)

    assert answer.judged("https").verdict is Verdict.REFUSED
    assert [request.path for request in service.requests] == ["/hook"]


def test_a_private_address_that_is_not_listed_is_never_connected_to(service: Service) -> None:
    with pytest.raises(BadTarget):
        https.post(service.url, b"", {})

    assert service.requests == []


def test_a_name_that_leads_to_a_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    resolves(monkeypatch, [["169.254.169.254"]])

    with pytest.raises(BadTarget, match=r"hooks.example.com is 169.254.169.254, a private address"):
        https.post("https://hooks.example.com/secret-path", b"", {})


def test_one_private_address_among_public_ones_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    resolves(monkeypatch, [["1.1.1.1", "10.0.0.1"]])

    with pytest.raises(BadTarget):
        https.post("https://hooks.example.com/", b"", {})


def test_the_connection_goes_to_the_address_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    resolves(monkeypatch, [["1.1.1.1"], ["127.0.0.1"]])
    connected: list[Any] = []

    def connect(address: Any, timeout: float) -> socket.socket:
        connected.append(address)
        raise OSError("unplugged")

    monkeypatch.setattr(socket, "create_connection", connect)

    with pytest.raises(Unreachable):
        https.post("https://rebinding.example.com/", b"", {})

    assert connected == [("1.1.1.1", 443)]


def test_a_refused_connection_and_an_unknown_name_are_tried_again(
    closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = https.deliver("Teams", f"http://127.0.0.1:{closed_port}/", b"", {}, allowed=LOOPBACK)
    monkeypatch.setattr(socket, "getaddrinfo", fails)
    unknown = https.deliver("Teams", "https://nowhere.example.com/", b"", {})

    assert getattr(closed, "verdict", None) is Verdict.RETRY
    assert getattr(unknown, "verdict", None) is Verdict.RETRY


def test_a_url_that_must_not_be_called_is_refused_for_good(service: Service) -> None:
    outcome = https.deliver("https", service.url, b"", {})

    assert getattr(outcome, "verdict", None) is Verdict.REFUSED


@pytest.fixture
def dripping(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A service that sends one byte of its answer, and then nothing until it is hung up on."""
    monkeypatch.setattr(https, "DEADLINE_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            taken, _ = listening.accept()
            with taken:
                taken.sendall(b"H")
                while taken.recv(65_536):
                    pass

        thread = threading.Thread(target=drip)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        thread.join()


def test_a_service_that_answers_a_byte_at_a_time_is_given_up(dripping: str) -> None:
    with pytest.raises(Unreachable):
        https.post(dripping, b"x", {}, allowed=LOOPBACK)


def test_a_long_answer_is_cut(service: Service) -> None:
    service.answer(200, b"x" * (https.MAX_ANSWER + 10))

    assert len(https.post(service.url, b"", {}, allowed=LOOPBACK).body) == https.MAX_ANSWER


def resolves(monkeypatch: pytest.MonkeyPatch, answers: list[list[str]]) -> None:
    """Each look-up of a name gets the next answer."""

    def look_up(host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in answers.pop(0)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


def fails(*_: Any, **__: Any) -> None:
    raise socket.gaierror(-2, "Name or service not known")
