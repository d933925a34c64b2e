import socket
import struct
import threading
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.kubernetes.api import Api
from agent.kubernetes.node import Looker
from agent.kubernetes.podresources import CallFailed, ask, devices
from agent.sinks.protobuf import message, text
from tests.agent.fakes import loopback

DATA, HEADERS, SETTINGS, PING, GOAWAY = 0, 1, 4, 6, 7
STATUS_200, TRAILERS = b"\x88", b"\x00\x0bgrpc-status\x010"


def pod(name, namespace, *given):
    of_container = [message(2, text(1, resource), *(text(2, one) for one in ids)) for resource, ids in given]
    return message(1, text(1, name), text(2, namespace), message(3, text(1, "main"), *of_container))


LIST = pod("train-0", "ml", ("nvidia.com/gpu", ["GPU-0", "GPU-1"]), ("vpc.amazonaws.com/efa", ["efa0"])) + pod(
    "serve-1", "ml", ("nvidia.com/mig-1g.10gb", ["MIG-7"]), ("nvidia.com/gpu.shared", ["GPU-2::3"])
)
LIST += pod("serve-2", "ml", ("nvidia.com/gpu.shared", ["GPU-2::0"]))


def frame(kind, flags, stream, content=b""):
    return len(content).to_bytes(3, "big") + struct.pack(">BBI", kind, flags, stream) + content


def grpc(content):
    return struct.pack(">BI", 0, len(content)) + content


class Kubelet:
    """Answers one call with the bytes it is given, and keeps what it was sent."""

    def __init__(self, listening, answer):
        self._listening = listening
        self._answer = answer
        self.frames = []

    def serve(self):
        connection, _ = self._listening.accept()
        with connection, connection.makefile("rb") as sent:
            assert sent.read(24) == b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
            while not self.frames or self.frames[-1][:2] != (DATA, 1):
                self._take(sent)
            for part in self._answer:
                connection.sendall(part)
            connection.shutdown(socket.SHUT_WR)
            while self._take(sent):
                pass

    def _take(self, sent):
        head = sent.read(9)
        if head:
            self.frames.append((head[3], head[4], sent.read(int.from_bytes(head[:3], "big"))))
        return head


@contextmanager
def kubelet(path, *answer):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(str(path))
        listening.listen()
        server = Kubelet(listening, answer)
        thread = threading.Thread(target=server.serve)
        thread.start()
        yield server
        thread.join(20)


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a socket's path may not be long
    return "kubelet.sock"


def test_the_kubelet_is_asked_who_has_which_gpu(path):
    content = grpc(LIST)
    answer = (
        frame(SETTINGS, 0, 0),
        frame(PING, 0, 0, b"12345678"),
        frame(HEADERS, 4, 1, STATUS_200),
        frame(DATA, 0, 1, content[:7]),
        frame(DATA, 8, 1, b"\x03" + content[7:] + b"\0\0\0"),
        frame(HEADERS, 5, 1, TRAILERS),
    )
    with kubelet(path, *answer) as server:
        told = ask(path)

    assert {
        "GPU-0": {("ml", "train-0")},
        "GPU-1": {("ml", "train-0")},
        "GPU-2": {("ml", "serve-1"), ("ml", "serve-2")},
        "MIG-7": {("ml", "serve-1")},
    } == devices(told)
    [headers] = [content for kind, _, content in server.frames if kind == HEADERS]
    assert b"\x05:path\x1b/v1.PodResourcesLister/List" in headers
    assert (SETTINGS, 1, b"") in server.frames
    assert (PING, 1, b"12345678") in server.frames


def test_a_node_asks_its_kubelets_socket_before_the_file_that_it_keeps(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pod-resources").mkdir()
    (tmp_path / "device-plugins").mkdir()
    (tmp_path / "device-plugins/kubelet_internal_checkpoint").write_text("not read")
    pages = {"/pods": '{"items": []}', "/metrics/resource": ""}
    answer = (frame(HEADERS, 4, 1, STATUS_200), frame(DATA, 0, 1, grpc(LIST)), frame(HEADERS, 5, 1, TRAILERS))
    with loopback(lambda request: (200, pages[request.path])) as web, kubelet("pod-resources/kubelet.sock", *answer):
        api = Api(web.url, account=tmp_path)
        seen = Looker(api, None, node="", root=Path()).look()
        api.close()

    assert seen.devices["GPU-1"] == {("ml", "train-0")}


def test_a_node_without_devices_tells_an_empty_list(path):
    with kubelet(path, frame(HEADERS, 4, 1, STATUS_200), frame(DATA, 0, 1, grpc(b"")), frame(HEADERS, 5, 1, TRAILERS)):
        assert devices(ask(path)) == {}


@pytest.mark.parametrize(
    "answer, said",
    [
        ([frame(HEADERS, 5, 1, STATUS_200)], "refused the call"),
        ([frame(GOAWAY, 0, 0, struct.pack(">II", 0, 11))], "HTTP/2 error 11"),
        ([frame(DATA, 1, 1, b"\x01\0\0\0\x02ab")], "not compressed"),
        ([frame(HEADERS, 4, 1, STATUS_200)], "hung up"),
        ([b"\xff\xff\xff" + struct.pack(">BBI", DATA, 0, 1)], "more than"),
    ],
)
def test_what_is_no_answer_fails_by_name(path, answer, said):
    with kubelet(path, *answer), pytest.raises(CallFailed, match=said):
        ask(path)


@given(st.binary(max_size=60))
def test_any_bytes_are_understood_or_refused(content):
    with suppress(ValueError):
        devices(content)
