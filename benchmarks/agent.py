"""The agent's weight beside a psutil and boto3 loop, in one run: `python -m benchmarks.agent [--seconds 180]`.

Both take a sample each second and send a window each minute through TLS to a loopback server, at the same time on the
same machine. Prints a Markdown table. The rival needs psutil beside boto3; without it only the agent is measured.
"""

import argparse
import datetime
import importlib.util
import ipaddress
import json
import os
import platform
import re
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ROOT = Path(__file__).resolve().parents[1]
WARM_UP_SECONDS = 10
"""What starting costs is told apart from what running costs."""


@dataclass
class Contender:
    """One process under measurement, and what was measured."""

    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    pid: int = 0
    start_cpu: float = 0.0
    cpu: float = 0.0
    rss: float = 0.0
    private: float = 0.0


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--seconds", type=int, default=180, help="measured after the warm-up; whole minutes are fairest"
    )
    options = parser.parse_args()
    contenders = [Contender("mlwarden-agent", [sys.executable, "-m", "agent", "run"])]
    if importlib.util.find_spec("psutil"):
        contenders.append(Contender("psutil + boto3 loop", [sys.executable, "-m", "benchmarks.psutil_boto3"]))
    else:
        print("psutil is not installed: the agent is measured alone (pip install psutil)", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as (url, requests):
        processes = [start(contender, url, Path(folder) / "certificate.pem") for contender in contenders]
        try:
            measure(contenders, options.seconds)
            sent = Counter(requests)  # before stopping makes the agent send what it has
        finally:
            for process in processes:
                process.terminate()
                process.wait(10)
    report(contenders, sent, options.seconds)


def start(contender: Contender, url: str, certificate: Path) -> "subprocess.Popen[bytes]":
    """Start one contender against the loopback server."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")])),
        "AWS_ACCESS_KEY_ID": "benchmark",
        "AWS_SECRET_ACCESS_KEY": "benchmark",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": url,
        "AWS_CA_BUNDLE": str(certificate),
        "AWS_EC2_METADATA_DISABLED": "true",
        "MLWARDEN_AGENT_CONFIG": json.dumps({"sample_seconds": 1, "host": "benchmark"}),
    }
    process = subprocess.Popen(
        contender.command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    contender.pid = process.pid
    return process


def measure(contenders: list[Contender], seconds: int) -> None:
    """Processor time over the measured seconds, memory at its highest."""
    time.sleep(WARM_UP_SECONDS)
    for contender in contenders:
        contender.start_cpu = cpu_seconds(contender)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(min(5, max(0.0, end - time.monotonic())))
        for contender in contenders:
            rss, private = memory(contender)
            contender.rss, contender.private = max(contender.rss, rss), max(contender.private, private)
    for contender in contenders:
        contender.cpu = cpu_seconds(contender) - contender.start_cpu


def cpu_seconds(contender: Contender) -> float:
    """Of all its threads, to the nanosecond."""
    tasks = Path(f"/proc/{contender.pid}/task")
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir()) / 1e9


def memory(contender: Contender) -> tuple[float, float]:
    """Resident and private MiB."""
    rollup = Path(f"/proc/{contender.pid}/smaps_rollup").read_text()
    found = {name: int(kib) / 1024 for name, kib in re.findall(r"^(\w+):\s+(\d+) kB", rollup, re.MULTILINE)}
    return found["Rss"], found["Private_Clean"] + found["Private_Dirty"]


def report(contenders: list[Contender], requests: Counter[str], seconds: int) -> None:
    """The table."""
    print(f"{seconds} s after {WARM_UP_SECONDS} s of warm-up, sample each 1 s, window each 60 s, TLS to the loopback;")
    print(f"CPython {platform.python_version()}, {os.cpu_count()} CPUs, Linux {platform.release()}\n")
    print("| | RSS MiB | private MiB | CPU % of a core | CPU s per hour | CPU ms per sample | start CPU ms | windows |")
    print("|---|---|---|---|---|---|---|---|")
    for contender in contenders:
        print(
            f"| {contender.name} | {contender.rss:.1f} | {contender.private:.1f} "
            f"| {100 * contender.cpu / seconds:.3f} | {3600 * contender.cpu / seconds:.2f} "
            f"| {1000 * contender.cpu / seconds:.2f} | {1000 * contender.start_cpu:.0f} "
            f"| {requests['agent' if 'agent' in contender.name else 'rival']} |"
        )
    if len(contenders) > 1:
        ours, rival = contenders
        cpu = f"{ours.cpu / rival.cpu:.2f}"
        print(
            f"| ratio | {ours.rss / rival.rss:.2f} | {ours.private / rival.private:.2f} | {cpu} | {cpu} | {cpu} "
            f"| {ours.start_cpu / rival.start_cpu:.2f} | |"
        )


@contextmanager
def serving(folder: Path) -> Iterator[tuple[str, Counter[str]]]:
    """A CloudWatch that takes everything, over TLS; yields its URL and the count of requests by sender."""
    certify(folder)
    requests: Counter[str] = Counter()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            requests["agent" if self.headers["User-Agent"].startswith("mlwarden") else "rival"] += 1
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"https://127.0.0.1:{server.server_port}", requests
    finally:
        server.shutdown()
        server.server_close()


def certify(folder: Path) -> None:
    """A certificate for 127.0.0.1 that is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mlwarden benchmark")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


if __name__ == "__main__":
    main()
