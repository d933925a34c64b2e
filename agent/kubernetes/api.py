"""Asking the API server or a kubelet, with the service account's token, over TLS that is checked."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from agent.connection import Connection

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
REQUEST_SECONDS = 5.0
LONGEST_ANSWER = 32 << 20
PAGE = 250
"""Objects in an answer: a pod's is some ten kilobytes."""


class Refused(Exception):
    """An answer that is not 200."""

    def __init__(self, path: str, status: int) -> None:
        super().__init__(f"{path}: status {status}")
        self.status = status


class Api:
    """One server. The token is read anew each time, for it is changed under the process."""

    def __init__(self, url: str, *, account: Path = ACCOUNT, authorities: str = "") -> None:
        """`account` is the folder of the service account's token and of the cluster's authority.

        `authorities` is a file of those that are trusted in its place.
        """
        clusters = account / "ca.crt"
        self._token = account / "token"
        self._connection = Connection(
            url,
            authorities=authorities or (str(clusters) if clusters.exists() else ""),
            longest_answer=LONGEST_ANSWER,
        )

    def text(self, path: str) -> str:
        """The answer's text. Raises Refused, or ConnectionFailed."""
        headers = {"Accept": "application/json, text/plain"}
        if self._token.exists():
            headers["Authorization"] = f"Bearer {self._token.read_text().strip()}"
        answer = self._connection.request("GET", path, headers=headers, body=None, timeout_seconds=REQUEST_SECONDS)
        if answer.status != 200:
            raise Refused(path.partition("?")[0], answer.status)
        return answer.body.decode()

    def selected(self, path: str, *, selector: str) -> list[dict[str, Any]]:
        """The objects of a list that a field selector chooses, from the API server's own cache. Raises as `text`.

        They may be some seconds old. Without `resourceVersion=0` the server would read all objects of the cluster from
        etcd to choose a node's, for each node that asks; with it a limit means nothing.
        """
        answer = json.loads(self.text(f"{path}?resourceVersion=0&fieldSelector={quote(selector)}"))
        return list(answer.get("items") or ())

    def items(self, path: str) -> Iterator[dict[str, Any]]:
        """Every object of a list, page by page. Raises as `text`."""
        more = ""
        while True:
            answer = json.loads(self.text(f"{path}?limit={PAGE}" + (f"&continue={quote(more)}" if more else "")))
            yield from answer.get("items") or ()
            more = (answer.get("metadata") or {}).get("continue") or ""
            if not more:
                return

    def close(self) -> None:
        """Close the connection; the next question opens another."""
        self._connection.close()


def server(environment: Mapping[str, str]) -> str:
    """The API server's URL, as every pod is told it; empty outside a cluster."""
    host, port = environment.get("KUBERNETES_SERVICE_HOST", ""), environment.get("KUBERNETES_SERVICE_PORT", "443")
    return f"https://{f'[{host}]' if ':' in host else host}:{port}" if host else ""
