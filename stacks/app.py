"""The CDK app of one configuration: which stacks there are and what they hand one another."""

import json
from pathlib import Path

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks

from core.catalogue import dashboards
from core.config import Config
from stacks import deployed, naming
from stacks.agent import AgentStack
from stacks.monitoring import MonitoringStack, divide
from stacks.notifications import NotificationsStack
from stacks.packaging import ROOT
from stacks.reactions import ReactionsStack


def build(config: Config, *, outdir: Path | None = None) -> cdk.App:
    """The app, not yet synthesized. `outdir` is by default where the CDK CLI says, else a temporary folder."""
    app = cdk.App(
        outdir=str(outdir) if outdir is not None else None,
        analytics_reporting=False,
        tree_metadata=False,
        context=_context(),
    )
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    stage, runbooks = config.deployment.stage, config.deployment.runbooks
    tags = {"mlwarden:stage": stage}
    notifications = NotificationsStack(app, naming.stack_name(stage, "notifications"), config=config, tags=tags)
    reactions = ReactionsStack(
        app,
        naming.stack_name(stage, "reactions"),
        config=config,
        notifications=notifications,
        alarms=deployed.alarms(config),
        tags=tags,
    )
    boards = dashboards.compute(
        config,
        region=cdk.Aws.REGION,
        alarm_arn_prefix=naming.alarm_arn_prefix(),
        incidents_widget=reactions.widget.function_arn,
    )
    actions = {severity: topic.topic_arn for severity, topic in notifications.topics.items()}
    # Rules stand before the alarms whose first change of state they are to see.
    earlier: cdk.Stack = reactions
    for number, shard in enumerate(divide(deployed.monitoring(config), boards), start=1):
        name = naming.stack_name(stage, "monitoring" if number == 1 else f"monitoring-{number}")
        monitoring = MonitoringStack(app, name, shard=shard, runbooks=runbooks, actions=actions, tags=tags)
        monitoring.add_stack_dependency(earlier)
        earlier = monitoring
    AgentStack(app, naming.stack_name(stage, "agent"), config=config, tags=tags)
    return app


def _context() -> dict[str, object]:
    """What the CDK CLI would pass from cdk.json: an app that is built in-process must behave as one it runs."""
    flags: dict[str, object] = json.loads((ROOT / "cdk.json").read_text())["context"]
    return {**flags, "aws:cdk:disable-stack-trace": True}
