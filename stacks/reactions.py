"""What happens when an alarm changes: rules, queues, functions, schedules, and the alarms on all of these."""

from collections.abc import Sequence
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from core import settings
from core.catalogue import dashboards, facts, platform
from core.catalogue.alarm import Alarm, Severity, name_prefix
from core.config import Config
from core.incidents.events import ALARM_CHANGE, CONTRIBUTOR_CHANGE, DEPLOYMENT_CHANGE, ENDPOINT_CHANGE, HEARTBEAT
from stacks import cloudwatch, grants, nag, naming, packaging
from stacks.functions import TIMEOUT, VISIBILITY, Function, code, layer
from stacks.notifications import NotificationsStack

MAX_RECEIVES = 3
MESSAGES_KEPT = cdk.Duration.days(14)
"""In a dead-letter queue: the most that SQS allows."""
SWEEP = cdk.Duration.minutes(1)
REPORT_TIMEOUT = cdk.Duration.minutes(5)
"""Three services are asked page by page, and nobody waits."""


class ReactionsStack(cdk.Stack):
    """Rules put events on queues, functions turn them into incidents and messages; stateless, safe to redeploy."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: Config,
        notifications: NotificationsStack,
        alarms: tuple[Alarm, ...],
        **kwargs: Any,
    ) -> None:
        """The functions are told of `alarms`: all of this deployment's, by `stacks.deployed`."""
        super().__init__(scope, construct_id, **kwargs)
        self._config = config
        self._stateful = notifications
        self._dead_letters: dict[str, sqs.Queue] = {}
        self._events = self._queue("Events")
        self._investigations = self._queue("Investigations")
        self._outbox = self._queue("Notifications")
        self._reports_failed = self._dead_letter_queue("Reports")
        self._undelivered = self._dead_letter_queue("Rules")
        self._code = code(packaging.functions())
        self._layers = self._make_layers(alarms)
        self._functions: dict[str, Function] = {}
        self._make_functions()
        self._make_event_rules()
        self._make_schedules()
        self._make_health()

    def _queue(self, name: str) -> sqs.Queue:
        return sqs.Queue(
            self,
            name,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            visibility_timeout=VISIBILITY,
            dead_letter_queue=sqs.DeadLetterQueue(queue=self._dead_letter_queue(name), max_receive_count=MAX_RECEIVES),
        )

    def _dead_letter_queue(self, name: str) -> sqs.Queue:
        """`<name>DeadLetters`, under an alarm of its own."""
        queue = sqs.Queue(
            self,
            f"{name}DeadLetters",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=MESSAGES_KEPT,
        )
        nag.accept(queue, "AwsSolutions-SQS3", "It is a dead-letter queue; an alarm watches its depth.")
        self._dead_letters[name.lower()] = queue
        return queue

    def _make_functions(self) -> None:
        stage, wait = self._config.deployment.stage, self._config.notifications.group_wait_seconds
        dead = {name: queue.queue_url for name, queue in self._dead_letters.items()}
        queues, table = self._dead_letters, self._stateful.table.table_name
        topics = {severity.value: topic.topic_arn for severity, topic in self._stateful.topics.items()}
        router = self._make(
            "Router",
            "Alarm and endpoint events into incidents",
            settings.Router(
                stage=stage,
                table=table,
                notifications_queue=self._outbox.queue_url,
                investigations_queue=self._investigations.queue_url,
                dead_letters_queue=dead["events"],
                group_wait_seconds=wait,
            ).to_environment(),
            grants.router(
                self._stateful,
                reads=self._events,
                sends=[self._outbox, self._investigations, queues["events"]],
            ),
        )
        notifier = self._make(
            "Notifier",
            "Incidents into messages to subscribers",
            settings.Notifier(
                stage=stage,
                table=table,
                topics=topics,
                dead_letters_queue=dead["notifications"],
                runbooks=self._config.deployment.runbooks,
            ).to_environment(),
            grants.notifier(self._stateful, reads=self._outbox, sends=[queues["notifications"]]),
        )
        responder = self._make(
            "Responder",
            "Evidence about an endpoint into its incident",
            settings.Responder(stage=stage, table=table, dead_letters_queue=dead["investigations"]).to_environment(),
            grants.responder(self._stateful, reads=self._investigations, sends=[queues["investigations"]]),
        )
        recommender = self._make(
            "Recommender",
            "What to run smaller, larger or not at all, as one report",
            settings.Recommender(
                stage=stage,
                bucket=self._stateful.reports.bucket_name,
                topic=topics[Severity.INFO],
            ).to_environment(),
            grants.recommender(self._stateful, failures=self._reports_failed),
            timeout=REPORT_TIMEOUT,
        )
        router.reads(self._events)
        notifier.reads(self._outbox)
        responder.reads(self._investigations)
        recommender.on_failure(self._reports_failed)
        grants.accept_wildcards(self, self._stateful, notifier=notifier, responder=responder, recommender=recommender)

    def _make(
        self,
        name: str,
        description: str,
        environment: dict[str, str],
        statements: list[iam.PolicyStatement],
        timeout: cdk.Duration = TIMEOUT,
    ) -> Function:
        self._functions[name] = Function(
            self,
            name,
            description=description,
            code=self._code,
            layers=self._layers,
            environment=environment,
            statements=statements,
            log_retention_days=self._config.platform.log_retention_days,
            timeout=timeout,
        )
        return self._functions[name]

    def _make_layers(self, alarms: Sequence[Alarm]) -> list[lambda_.LayerVersion]:
        return [
            layer(self, "Dependencies", packaging.dependencies(), "Powertools and boto3, pinned"),
            layer(self, "Facts", packaging.facts(facts.encode(alarms)), "The alarms of this deployment"),
        ]

    def _make_event_rules(self) -> None:
        prefix = name_prefix(self._config.deployment.stage)
        for name, description, pattern in (
            (
                "AlarmChanges",
                "This deployment's alarms, and contributors to them, that changed state",
                events.EventPattern(
                    source=["aws.cloudwatch"],
                    detail_type=[ALARM_CHANGE, CONTRIBUTOR_CHANGE],
                    detail={"alarmName": [{"prefix": prefix}]},
                ),
            ),
            (
                "EndpointChanges",
                "SageMaker endpoints that changed state or are being deployed to",
                events.EventPattern(source=["aws.sagemaker"], detail_type=[ENDPOINT_CHANGE, DEPLOYMENT_CHANGE]),
            ),
        ):
            rule = events.Rule(self, name, description=description, event_pattern=pattern)
            rule.add_target(targets.SqsQueue(self._events, dead_letter_queue=self._undelivered))

    def _make_schedules(self) -> None:
        beat = cdk.Duration.minutes(self._config.platform.heartbeat_minutes)
        sweep = events.Rule(
            self,
            "Sweep",
            description="Finds incidents that are due, should a queue message have been lost",
            schedule=events.Schedule.rate(SWEEP),
        )
        # The next sweep makes up for a lost one, so neither waits nor repeats.
        sweep.add_target(
            targets.LambdaFunction(
                self._functions["Notifier"].function,
                event=events.RuleTargetInput.from_object({"sweep": True}),
                dead_letter_queue=self._undelivered,
                max_event_age=SWEEP,
                retry_attempts=0,
            )
        )
        heartbeat = events.Rule(
            self,
            "Heartbeat",
            description="The canary whose way to the notifier proves rule, queues and functions",
            schedule=events.Schedule.rate(beat),
        )
        heartbeat.add_target(
            targets.SqsQueue(
                self._events,
                message=events.RuleTargetInput.from_object({"source": "mlwarden", "detail-type": HEARTBEAT}),
                dead_letter_queue=self._undelivered,
            )
        )
        report = events.Rule(
            self,
            "Report",
            description="When the report of recommendations is made",
            schedule=events.Schedule.expression(self._config.recommendations.schedule),
        )
        report.add_target(
            targets.LambdaFunction(self._functions["Recommender"].function, dead_letter_queue=self._undelivered)
        )

    def _make_health(self) -> None:
        names = platform.PlatformNames(
            functions={name.lower(): function.name for name, function in self._functions.items()},
            dead_letters={name: queue.queue_name for name, queue in self._dead_letters.items()},
            topics={severity.value: topic.topic_name for severity, topic in self._stateful.topics.items()},
        )
        cloudwatch.add_alarms(
            self,
            platform.alarms(self._config, names),
            runbooks=self._config.deployment.runbooks,
            actions={severity: topic.topic_arn for severity, topic in self._stateful.topics.items()},
        )
        dashboard = dashboards.platform_dashboard(
            self._config, names, region=cdk.Aws.REGION, alarm_arn_prefix=naming.alarm_arn_prefix()
        )
        cloudwatch.add_dashboards(self, [dashboard])
