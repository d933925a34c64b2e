"""What happens when an alarm changes: queues, functions, what starts them, and the alarms on all of these."""

from collections.abc import Sequence
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from core import settings
from core.catalogue import dashboards, facts, platform
from core.catalogue.alarm import Alarm, Severity, name_prefix
from core.config import Config
from core.incidents import policyfile
from stacks import channels, cloudwatch, grants, nag, naming, packaging, schedules
from stacks.functions import TIMEOUT, VISIBILITY, Function, code, layer
from stacks.notifications import NotificationsStack

MAX_RECEIVES = 5
EVENTS_AT_ONCE = 100
"""Events in a transaction's batch: their alerts and markers fill about two transactions."""
EVENTS_WINDOW = cdk.Duration.seconds(1)
"""Batches of more than ten need a window."""
ROUTERS, NOTIFIERS, RESPONDERS = 4, 5, 10
"""Runs at a time. Routers and notifiers on one group make one another decide again, so few of them are faster."""
MESSAGES_KEPT = cdk.Duration.days(14)
"""In a dead-letter queue: the most that SQS allows."""
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
        schedules.event_rules(self, config, self._events, undelivered=self._undelivered)
        schedules.schedules(
            self,
            config,
            self._events,
            sweeper=self._functions["Sweeper"].function,
            recommender=self._functions["Recommender"].function,
            undelivered=self._undelivered,
        )
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
        stage, stateful = self._config.deployment.stage, self._stateful
        kept, runbooks = self._config.notifications.audit_days, self._config.deployment.runbooks
        dead = {name: queue.queue_url for name, queue in self._dead_letters.items()}
        queues, table = self._dead_letters, stateful.table.table_name
        topics = {severity.value: topic.topic_arn for severity, topic in stateful.topics.items()}
        policy = policyfile.of(self._config)
        actions_url = self._make_pages(stage, table, kept)
        images = channels.images(self, policy)
        router = self._make(
            "Router",
            "Events of alarms, endpoints and jobs into alerts and groups",
            settings.Router(
                stage=stage,
                table=table,
                notifications_queue=self._outbox.queue_url,
                investigations_queue=self._investigations.queue_url,
                dead_letters_queue=dead["events"],
                topics=topics,
                runbooks=runbooks,
                audit_days=kept,
            ).to_environment(),
            grants.router(
                stateful,
                reads=self._events,
                sends=[self._outbox, self._investigations, queues["events"]],
            ),
        )
        notifier = self._make(
            "Notifier",
            "What is to be told of a group, and the telling of it",
            settings.Notifier(
                stage=stage,
                table=table,
                topics=topics,
                canary_topic=stateful.canary.topic_arn,
                notifications_queue=self._outbox.queue_url,
                dead_letters_queue=dead["notifications"],
                runbooks=runbooks,
                actions_url=actions_url,
                audit_days=kept,
                images=images.bucket_name if images is not None else "",
            ).to_environment(),
            [
                *grants.notifier(stateful, reads=self._outbox, sends=[queues["notifications"]]),
                *channels.sending(policy),
                *channels.drawing(images),
            ],
        )
        responder = self._make(
            "Responder",
            "Evidence about an endpoint for its incident",
            settings.Responder(
                stage=stage, table=table, dead_letters_queue=dead["investigations"], audit_days=kept
            ).to_environment(),
            grants.responder(stateful, reads=self._investigations, sends=[queues["investigations"]]),
        )
        self._make(
            "Sweeper",
            "What a queue or an event has lost, each minute",
            settings.Sweeper(
                stage=stage,
                table=table,
                prefix=name_prefix(stage),
                events_queue=self._events.queue_url,
                notifications_queue=self._outbox.queue_url,
            ).to_environment(),
            grants.sweeper(stateful, sends=[self._events, self._outbox]),
        )
        recommender = self._make(
            "Recommender",
            "What to run smaller, larger or not at all, as one report",
            settings.Recommender(
                stage=stage,
                bucket=stateful.reports.bucket_name,
                topic=topics[Severity.INFO],
            ).to_environment(),
            grants.recommender(stateful, failures=self._reports_failed),
            timeout=REPORT_TIMEOUT,
        )
        router.reads(self._events, batch=EVENTS_AT_ONCE, window=EVENTS_WINDOW, at_once=ROUTERS)
        notifier.reads(self._outbox, at_once=NOTIFIERS)
        responder.reads(self._investigations, at_once=RESPONDERS)
        recommender.on_failure(self._reports_failed)
        grants.accept_wildcards(self, stateful, self._functions)
        channels.accept_wildcards(self, notifier, policy, images)
        self._let_alarms_in(router)

    def _make_pages(self, stage: str, table: str, kept: int) -> str:
        """What people look at: the incidents' widget and, where it is wanted, the page for links that act; its URL."""
        self.widget = self._make(
            "Widget",
            "The incidents that run, on a dashboard",
            settings.Widget(stage=stage, table=table).to_environment(),
            channels.widget(self._stateful),
        ).function
        if not self._config.notifications.actions_page:
            return ""
        page = self._make(
            "Actions",
            "The page on which links of messages act",
            settings.Actions(stage=stage, table=table, audit_days=kept).to_environment(),
            channels.actions(self._stateful),
        )
        return channels.url(page)

    def _let_alarms_in(self, router: Function) -> None:
        """Alarms of this account may have the router as their action, and its topics feed the queue of events."""
        lambda_.CfnPermission(
            self,
            "AlarmActions",
            action="lambda:InvokeFunction",
            function_name=router.name,
            principal="lambda.alarms.cloudwatch.amazonaws.com",
            source_account=cdk.Aws.ACCOUNT_ID,
            source_arn=naming.alarm_arn_prefix() + "*",
        )
        self._events.add_to_resource_policy(
            iam.PolicyStatement(
                sid="TopicsOfAlarms",
                principals=[iam.ServicePrincipal("sns.amazonaws.com")],
                actions=["sqs:SendMessage"],
                resources=[self._events.queue_arn],
                conditions={
                    "StringEquals": {"aws:SourceAccount": cdk.Aws.ACCOUNT_ID},
                    "ArnLike": {"aws:SourceArn": naming.arn("sns", "*")},
                },
            )
        )

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
        told = packaging.facts(
            alarms=facts.encode(alarms),
            policy=policyfile.encode(policyfile.of(self._config)),
            templates=packaging.templates(self._config.notifications.templates),
        )
        return [
            layer(self, "Dependencies", packaging.dependencies(), "Powertools and boto3, pinned"),
            layer(self, "Facts", told, "The alarms and the policy of this deployment"),
        ]

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
