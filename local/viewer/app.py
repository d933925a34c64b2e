"""The viewer's pages and its server."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from importlib import resources
from types import TracebackType
from typing import Self, TypeVar

from flask import Flask, Response, abort, jsonify, render_template, request
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from local.errors import ServiceError
from local.viewer import data
from local.world import World

T = TypeVar("T")
SPAN = timedelta(hours=3)  # CloudWatch's own default range


def application(world: World) -> Flask:
    """The Flask application over a running embedded AWS."""
    app = Flask(__name__)

    @app.get("/")
    def index() -> str:
        return render_template("index.html", names=data.dashboard_names(world))

    @app.get("/dashboards/<name>")
    def page(name: str) -> str:
        body = _or_404(lambda: data.dashboard(world, name))
        return render_template("dashboard.html", name=name, names=data.dashboard_names(world), body=body)

    @app.get("/api/dashboards/<name>/widgets/<int:number>")
    def widget(name: str, number: int) -> Response:
        body = _or_404(lambda: data.dashboard(world, name))
        if number >= len(body["widgets"]):
            abort(404)
        properties = body["widgets"][number]["properties"]
        if body["widgets"][number]["type"] == "alarm":
            return jsonify({"alarms": data.alarms(world, properties["alarms"])})
        minutes = request.args.get("minutes", type=int)
        return jsonify(data.widget(world, properties, span=timedelta(minutes=minutes) if minutes else SPAN))

    @app.get("/api/clock")
    def clock() -> Response:
        return jsonify({"now": world.clock.now().isoformat().replace("+00:00", "Z")})

    @app.get("/plotly.js")
    def plotly() -> Response:
        script = resources.files("plotly").joinpath("package_data/plotly.min.js").read_bytes()
        return Response(script, mimetype="text/javascript", headers={"Cache-Control": "max-age=86400"})

    return app


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
    server = make_server("127.0.0.1", port, application(world), threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, name="viewer", daemon=True)
    thread.start()
    return Viewer(f"http://127.0.0.1:{server.server_port}", server, thread)
