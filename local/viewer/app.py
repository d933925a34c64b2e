"""The viewer's pages and its server."""

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from importlib import resources
from types import TracebackType
from typing import Any, Self, TypeVar

from flask import Flask, Response, abort, jsonify, render_template, request
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from local.errors import ServiceError
from local.viewer import data
from local.world import World

T = TypeVar("T")
HOST = "127.0.0.1"
POLL_SECONDS = 0.05  # how soon it notices that it is to stop
RANGES = {15: "15 min", 30: "30 min", 60: "1 h", 180: "3 h"}
"""Minutes that the page offers to look back; what is deployed asks for the last."""
DEFAULT_RANGE = 30
LONGEST_RANGE = 24 * 60

# Plotly sets styles from its script; nothing else may come from anywhere but the page's own address.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def application(world: World) -> Flask:
    """The Flask application over a running embedded AWS."""
    app = Flask(__name__)
    # A name that someone else resolves to 127.0.0.1 must not read the page.
    app.config["TRUSTED_HOSTS"] = [HOST, "localhost"]

    @app.after_request
    def guard(response: Response) -> Response:
        response.headers.update(HEADERS)
        return response

    @app.context_processor
    def every_page() -> dict[str, Any]:
        names = data.dashboard_names(world)
        labels = {name: name.removeprefix(data.stem(names)) for name in names}
        return {"labels": labels, "now": _now(world), "minutes": _minutes(), "ranges": RANGES}

    @app.get("/")
    def index() -> str:
        return render_template("index.html", boards=data.boards(world))

    @app.get("/dashboards/<name>")
    def page(name: str) -> str:
        return render_template("dashboard.html", name=name, body=_or_404(lambda: data.dashboard(world, name)))

    @app.get("/api/dashboards/<name>/widgets/<int:number>")
    def widget(name: str, number: int) -> Response:
        widgets = _or_404(lambda: data.dashboard(world, name))["widgets"]
        if number >= len(widgets) or widgets[number]["type"] not in ("alarm", "custom", "metric"):
            abort(404)
        properties = widgets[number]["properties"]
        if widgets[number]["type"] == "custom":
            return jsonify(data.custom(world, name, number, properties, span=timedelta(minutes=_minutes())))
        if widgets[number]["type"] == "alarm":
            return jsonify({"alarms": data.alarms(world, name, properties["alarms"])})
        return jsonify(data.widget(world, properties, span=timedelta(minutes=_minutes())))

    @app.get("/api/clock")
    def clock() -> Response:
        return jsonify({"now": _now(world)})

    @app.get("/plotly.js")
    def plotly() -> Response:
        script = resources.files("plotly").joinpath("package_data/plotly.min.js").read_bytes()
        return Response(script, mimetype="text/javascript", headers={"Cache-Control": "max-age=86400"})

    return app


def _minutes() -> int:
    return min(max(request.args.get("minutes", DEFAULT_RANGE, type=int), 1), LONGEST_RANGE)


def _now(world: World) -> str:
    return world.clock.now().isoformat(sep=" ", timespec="seconds").replace("+00:00", " UTC")


def _or_404(ask: Callable[[], T]) -> T:
    try:
        return ask()
    except ServiceError:
        abort(404)


class _Quiet(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Requests of the page's own refresh are not worth a line."""


@dataclass(slots=True)
class Viewer:
    """The running viewer; a context manager that stops it."""

    url: str
    _server: BaseWSGIServer
    _thread: threading.Thread

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def start(world: World, *, port: int = 0) -> Viewer:
    """Serve the viewer on 127.0.0.1 only. Raises OSError when the port is taken."""
    # werkzeug would end the process where it cannot bind, so it is given a bound socket, which it duplicates.
    with socket.create_server((HOST, port)) as bound:
        server = make_server(HOST, port, application(world), threaded=True, request_handler=_Quiet, fd=bound.fileno())
    thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), name="viewer", daemon=True)
    thread.start()
    return Viewer(f"http://{HOST}:{server.port}", server, thread)
