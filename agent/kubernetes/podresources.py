"""Which pod has which device, from the kubelet's socket: one gRPC call, without the 28 MiB of a gRPC library.

Sources: kubernetes.io, "Device Plugins", "Monitoring device plugin resources"; podresources/v1/api.proto; RFC 9113 and
RFC 7541 for HTTP/2, of which one request on one stream takes little; grpc.io, "gRPC over HTTP2". Devices given by
claims (dynamic resource allocation) have other names than their UUIDs, and are not told.
"""

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

from agent.inputs.otlp_protobuf import messages
from agent.kubernetes.objects import GPU_RESOURCES, whole_device

SECONDS = 5.0
LONGEST_ANSWER = 8 << 20

# RFC 9113: the kinds of frame, their flags, the setting
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _GOAWAY, _WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
_ACK, _END_STREAM, _END_HEADERS, _PADDED, _INITIAL_WINDOW_SIZE = 0x1, 0x1, 0x4, 0x8, 4
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_STREAM = 1
_REQUEST = (
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/v1.PodResourcesLister/List"),
    (":authority", "localhost"),
    ("content-type", "application/grpc"),
    ("te", "trailers"),
)
_MESSAGE_HEAD = struct.Struct(">BI")  # gRPC's: whether it is compressed, and its length


class CallFailed(ValueError):
    """The kubelet's answer is none."""


def devices(answer: bytes) -> dict[str, set[tuple[str, str]]]:
    """The namespace and name of each pod that has it, by the id of a GPU, of a ListPodResourcesResponse."""
    found: dict[str, set[tuple[str, str]]] = {}
    for pod in messages(answer, 1):
        name, namespace = (b"".join(messages(pod, number)).decode() for number in (1, 2))
        for container in messages(pod, 3):
            for given in messages(container, 2):
                if b"".join(messages(given, 1)).decode().startswith(GPU_RESOURCES):
                    for device in messages(given, 2):
                        found.setdefault(whole_device(device.decode()), set()).add((namespace, name))
    return found


def ask(path: Path) -> bytes:
    """The kubelet's ListPodResourcesResponse. Raises OSError, or CallFailed."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as kubelet:
        kubelet.settimeout(SECONDS)
        kubelet.connect(str(path))
        window = struct.pack(">HI", _INITIAL_WINDOW_SIZE, LONGEST_ANSWER)
        headers = b"".join(map(_literal, *zip(*_REQUEST, strict=True)))
        kubelet.sendall(
            _PREFACE
            + _frame(_SETTINGS, 0, 0, window)
            + _frame(_WINDOW_UPDATE, 0, 0, struct.pack(">I", LONGEST_ANSWER))
            + _frame(_HEADERS, _END_HEADERS, _STREAM, headers)
            + _frame(_DATA, _END_STREAM, _STREAM, _MESSAGE_HEAD.pack(0, 0))
        )
        return _message(b"".join(_answer(kubelet)))


def _answer(kubelet: socket.socket) -> Iterator[bytes]:
    """The data of the one stream."""
    received = 0
    while True:
        head = _read(kubelet, 9)
        length, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
        received += length
        if received > LONGEST_ANSWER:
            raise CallFailed(f"podresources: an answer of more than {LONGEST_ANSWER} bytes")
        content = _read(kubelet, length)
        if kind == _DATA:
            yield content[1 : len(content) - content[0]] if flags & _PADDED else content
        elif kind in {_RST_STREAM, _GOAWAY}:
            raise CallFailed(
                f"podresources: the kubelet ended the call, HTTP/2 error {int.from_bytes(content[-4:], 'big')}"
            )
        elif kind in {_SETTINGS, _PING} and not flags & _ACK:
            kubelet.sendall(_frame(kind, _ACK, 0, content if kind == _PING else b""))
        if kind in {_DATA, _HEADERS} and flags & _END_STREAM:
            return


def _message(content: bytes) -> bytes:
    """The one message. An answer without any is a refusal, whose reason is in trailers that are not decoded."""
    if len(content) < _MESSAGE_HEAD.size:
        raise CallFailed("podresources: the kubelet refused the call")
    compressed, length = _MESSAGE_HEAD.unpack_from(content)
    message = content[_MESSAGE_HEAD.size :]
    if compressed or length != len(message):
        raise CallFailed(
            f"podresources: a message of {len(message)} bytes where one of {length}, not compressed, should be"
        )
    return message


def _frame(kind: int, flags: int, stream: int, content: bytes) -> bytes:
    return len(content).to_bytes(3, "big") + struct.pack(">BBI", kind, flags, stream) + content


def _literal(name: str, value: str) -> bytes:
    """A header as it is: neither indexed nor compressed (RFC 7541, 6.2.2)."""
    return b"\x00" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


def _read(kubelet: socket.socket, length: int) -> bytes:
    content = b""
    while len(content) < length:
        more = kubelet.recv(length - len(content))
        if not more:
            raise CallFailed("podresources: the kubelet hung up")
        content += more
    return content
