"""What starts the functions: rules for events of AWS, and the sweep, the heartbeat and the report by the clock."""

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from core.config import Config
from core.incidents import rules
from core.incidents.events import HEARTBEAT

SWEEP = cdk.Duration.minutes(1)


def event_rules(scope: Construct, config: Config, queue: sqs.Queue, *, undelivered: sqs.Queue) -> None:
    """The rules that feed the router's queue; what they cannot deliver is kept in `undelivered`."""
    for name, description, pattern in rules.patterns(config.deployment.stage):
        rule = events.Rule(
            scope,
            name,
            description=description,
            event_pattern=events.EventPattern(
                source=pattern["source"], detail_type=pattern["detail-type"], detail=pattern.get("detail")
            ),
        )
        rule.add_target(targets.SqsQueue(queue, dead_letter_queue=undelivered))


def schedules(
    scope: Construct,
    config: Config,
    queue: sqs.Queue,
    *,
    sweeper: lambda_.IFunction,
    recommender: lambda_.IFunction,
    undelivered: sqs.Queue,
) -> None:
    """The sweep each minute, the canary that goes the way of every event, and the report of recommendations."""
    sweep = events.Rule(
        scope,
        "Sweep",
        description="Finds what a queue or an event has lost",
        schedule=events.Schedule.rate(SWEEP),
    )
    # The next sweep makes up for a lost one, so neither waits nor repeats.
    sweep.add_target(
        targets.LambdaFunction(
            sweeper,
            event=events.RuleTargetInput.from_object({"sweep": True}),
            dead_letter_queue=undelivered,
            max_event_age=SWEEP,
            retry_attempts=0,
        )
    )
    heartbeat = events.Rule(
        scope,
        "Heartbeat",
        description="The canary whose way to the notifier proves rule, queues and functions",
        schedule=events.Schedule.rate(cdk.Duration.minutes(config.platform.heartbeat_minutes)),
    )
    heartbeat.add_target(
        targets.SqsQueue(
            queue,
            message=events.RuleTargetInput.from_object({"source": "mlwarden", "detail-type": HEARTBEAT}),
            dead_letter_queue=undelivered,
        )
    )
    report = events.Rule(
        scope,
        "Report",
        description="When the report of recommendations is made",
        schedule=events.Schedule.expression(config.recommendations.schedule),
    )
    report.add_target(targets.LambdaFunction(recommender, dead_letter_queue=undelivered))
