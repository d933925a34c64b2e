"""`mlwarden demo`: an endpoint breaks and recovers on the embedded AWS, and the page reaches its subscriber."""

import argparse
import json
import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cli import serve
from cli.agent_process import AgentProcess
from cli.assembly import assembly, load_config
from cli.errors import CommandError
from cli.story import Story, Told
from local.clock import Clock
from local.deployer import deploy
from local.pace import Pace
from local.scenarios.bad_deploy import BadDeploy
from local.server import Running
from local.viewer import app as viewer_app

HEALTHY = timedelta(minutes=6)
PATIENCE = timedelta(minutes=20)
"""How long the demo waits for a message, in virtual time, before it says that none came."""
NO_RESET = (
    "a demo tells one story, and its agent, traffic and page belong to this world: start the demo again, or use "
    "`mlwarden serve`, which can be reset"
)


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("demo", help="run the whole loop on this machine: deploy, break, page, recover")
    parser.add_argument("--once", action="store_true", help="exit after the recovery instead of keeping the page open")
    parser.add_argument("--json", action="store_true", help="print what happened as JSON, and only that")
    parser.add_argument("--speed", type=_speed, default=60.0, help="virtual seconds a second (default 60)")
    parser.add_argument("--port", type=serve.port, default=0, help="port of the embedded AWS (default: a free one)")
    parser.add_argument(
        "--page-port", type=serve.port, default=0, help="port of the dashboards' page (default: a free one)"
    )
    parser.add_argument("--config", type=Path, default=Path("config/default.toml"), help="what to deploy")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Tell the story once; returns 0 when both the page and its resolve arrived."""
    began = time.monotonic()
    out = Told(sys.stderr if options.json else sys.stdout, quiet=options.json)
    config = load_config(options.config)
    if not config.endpoints:
        raise CommandError(f"{options.config} has no [[endpoints]]; the demo needs one to break")
    out.note(f"synthesising the stacks of {options.config}")
    folder = assembly(options.config)
    clock = Clock(datetime.now(UTC).replace(second=0, microsecond=0))
    with ExitStack() as resources:
        running = resources.enter_context(serve.start(clock, port=options.port, no_reset=NO_RESET))
        deployment = deploy(running.world, folder)
        count = sum(len(stack.resources) for stack in deployment.stacks.values())
        out.note(f"deployed {count} resources in {len(deployment.stacks)} stacks to {running.url}")
        page = resources.enter_context(_page(running, options.page_port))
        out.note(f"dashboards: {page.url}")
        agent = resources.enter_context(AgentProcess(running.world, config))
        out.note(f"agent started: {agent.description}")
        story = Story(running.world, config.endpoints[0], speed=options.speed, before=agent.keep_up, out=out)
        told = _tell(story, resources.enter_context(BadDeploy(running.world, config.endpoints[0])))
        told |= {
            "agent": agent.datapoints(),
            "stacks": list(deployment.stacks),
            "wall_seconds": round(time.monotonic() - began, 1),
        }
        if options.json:
            print(json.dumps(told, indent=2))
        else:
            out.summary(told)
        if not options.once and not options.json:
            out.note(f"the dashboards stay at {page.url} until Ctrl-C")
            pace = Pace(clock)
            pace.start()
            _wait()
            pace.stop()
    return 0 if told["fire"] and told["resolve"] else 1


def _tell(story: Story, scenario: BadDeploy) -> dict[str, object]:
    scenario.create()
    story.chapter(f"{story.endpoint} serves real traffic; all is well")
    story.advance(HEALTHY)
    fault = story.now()
    story.chapter(f"{scenario.bad} is rolled out: slower, and it fails one request in nine")
    scenario.break_it()
    fire = story.until_message(PATIENCE)
    mended = story.now()
    story.chapter(f"rolled back to {scenario.good}")
    scenario.mend_it()
    resolve = story.until_message(PATIENCE) if fire else None
    return {
        "endpoint": story.endpoint,
        "fault_at": _text(fault),
        "fault_to_message_seconds": (fire.time - fault).total_seconds() if fire else None,
        "rollback_at": _text(mended),
        "rollback_to_resolve_seconds": (resolve.time - mended).total_seconds() if resolve else None,
        "fire": story.as_json(fire),
        "resolve": story.as_json(resolve),
        "alarms": story.transitions(),
        "functions": story.invocations(),
        "messages": story.message_count(),
    }


def _page(running: Running, port: int) -> viewer_app.Viewer:
    try:
        return viewer_app.start(running.world, port=port)
    except OSError as error:
        reason = error.strerror or str(error)
        raise CommandError(f"cannot listen on 127.0.0.1:{port}: {reason}; choose another with --page-port") from error


def _wait() -> None:
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        print()


def _text(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")


def _speed(text: str) -> float:
    value = float(text)
    if not 1 <= value <= 600:
        raise argparse.ArgumentTypeError(f"{text} is not between 1 and 600")
    return value
