import json
from typing import Any

import pytest

from core.catalogue import facts, platform
from core.catalogue.alarm import name_prefix
from core.incidents import policyfile, rules
from core.settings import Notifier, Recommender, Responder, Router, Sweeper, Widget
from tests.stacks.template import actions, named, of_type, properties, role_statements, strings

FUNCTIONS: dict[str, Any] = {
    "Router": Router,
    "Notifier": Notifier,
    "Responder": Responder,
    "Sweeper": Sweeper,
    "Recommender": Recommender,
    "Widget": Widget,
}
RULES = [name for name, _, _ in rules.patterns("demo")]
FED_BY = {"Router": "Events", "Notifier": "Notifications", "Responder": "Investigations"}
LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}
POLLING = {
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
}
PUBLISHING = {"sns:Publish", "kms:Decrypt", "kms:GenerateDataKey"}
ALLOWED = {
    "Router": LOGS
    | POLLING
    | PUBLISHING
    | {"sqs:SendMessage", "dynamodb:BatchGetItem", "dynamodb:ConditionCheckItem", "dynamodb:PutItem"}
    | {"dynamodb:Query"},
    "Notifier": LOGS
    | POLLING
    | PUBLISHING
    | {"sqs:SendMessage", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:Query"}
    | {"cloudwatch:GetMetricData"},
    "Sweeper": LOGS
    | {"sqs:SendMessage", "dynamodb:Query", "cloudwatch:DescribeAlarms", "cloudwatch:DescribeAlarmContributors"},
    "Widget": LOGS | {"dynamodb:Query"},
    "Responder": LOGS
    | POLLING
    | {"sqs:SendMessage", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "cloudwatch:GetMetricData"}
    | {
        "sagemaker:DescribeEndpoint",
        "sagemaker:DescribeEndpointConfig",
        "sagemaker:ListEndpointConfigs",
    },
    "Recommender": LOGS
    | PUBLISHING
    | {"sqs:SendMessage", "s3:PutObject", "ec2:DescribeInstances"}
    | {
        "compute-optimizer:GetEC2InstanceRecommendations",
        "compute-optimizer:GetEnrollmentStatus",
        "compute-optimizer:GetIdleRecommendations",
        "cost-optimization-hub:ListEnrollmentStatuses",
        "cost-optimization-hub:ListRecommendations",
        "sagemaker:DescribeInferenceRecommendationsJob",
        "sagemaker:ListInferenceRecommendationsJobs",
    },
}
WITHOUT_RESOURCE_TYPE = {
    "cloudwatch:GetMetricData",
    "ec2:DescribeInstances",
    "sagemaker:ListEndpointConfigs",
    "sagemaker:ListInferenceRecommendationsJobs",
} | {action for action in ALLOWED["Recommender"] if action.startswith(("compute-", "cost-"))}


@pytest.fixture
def template(templates):
    return templates["reactions"]


def queue(template, name):
    """The logical id and properties of a queue that is not a dead-letter queue."""
    [found] = [
        (logical, resource["Properties"])
        for logical, resource in of_type(template, "AWS::SQS::Queue").items()
        if logical.startswith(name) and not logical.startswith(f"{name}DeadLetters")
    ]
    return found


def queue_statements(template, logical):
    """The policy statements of a queue."""
    [policy] = [
        entry for entry in properties(template, "AWS::SQS::QueuePolicy") if entry["Queues"] == [{"Ref": logical}]
    ]
    return policy["PolicyDocument"]["Statement"]


def senders(statements):
    """Logical ids of the rules that may send."""
    return {
        statement["Condition"]["ArnEquals"]["aws:SourceArn"]["Fn::GetAtt"][0].rstrip("0123456789ABCDEF")
        for statement in statements
        if statement["Effect"] == "Allow" and statement["Principal"]["Service"] == "events.amazonaws.com"
    }


@pytest.mark.parametrize("name", FED_BY.values())
def test_a_queue_gives_up_after_five_receives_into_its_own_dead_letter_queue(template, name):
    _, properties_ = queue(template, name)
    dead, dead_properties = named(template, "AWS::SQS::Queue", f"{name}DeadLetters")

    redrive = properties_["RedrivePolicy"]

    assert dead == redrive["deadLetterTargetArn"]["Fn::GetAtt"][0]
    assert 5 == redrive["maxReceiveCount"]
    assert 14 * 86400 == dead_properties["MessageRetentionPeriod"]


def test_every_queue_is_encrypted_and_refuses_plain_http(template):
    for logical, resource in of_type(template, "AWS::SQS::Queue").items():
        refused = [entry for entry in queue_statements(template, logical) if entry["Effect"] == "Deny"]

        assert resource["Properties"]["SqsManagedSseEnabled"] is True
        assert [{"Bool": {"aws:SecureTransport": "false"}}] == [entry["Condition"] for entry in refused]


def test_only_the_rules_that_feed_the_events_queue_may_send_to_it(template):
    events, _ = queue(template, "Events")

    statements = queue_statements(template, events)

    assert {*RULES, "Heartbeat"} == senders(statements)


def test_topics_of_this_account_may_feed_the_events_queue_with_alarm_messages(template):
    events, _ = queue(template, "Events")

    [statement] = [
        entry
        for entry in queue_statements(template, events)
        if entry["Effect"] == "Allow" and entry["Principal"]["Service"] == "sns.amazonaws.com"
    ]

    assert {"aws:SourceAccount": {"Ref": "AWS::AccountId"}} == statement["Condition"]["StringEquals"]


def test_only_rules_may_put_undelivered_events_aside(template):
    undelivered, _ = named(template, "AWS::SQS::Queue", "RulesDeadLetters")

    statements = queue_statements(template, undelivered)

    assert {*RULES, "Heartbeat", "Sweep", "Report"} == senders(statements)


def test_queues_that_no_rule_targets_let_no_service_in(template):
    for name in ("Investigations", "Notifications"):
        logical, _ = queue(template, name)

        assert set() == senders(queue_statements(template, logical))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_runs_on_the_newest_python_on_arm_and_logs_json_to_its_own_group(template, function):
    _, properties_ = named(template, "AWS::Lambda::Function", f"{function}Function")
    group, logs = named(template, "AWS::Logs::LogGroup", f"{function}Logs")

    assert "python3.14" == properties_["Runtime"]
    assert ["arm64"] == properties_["Architectures"]
    assert f"lambdas.{function.lower()}.handle" == properties_["Handler"]
    assert {"LogFormat": "JSON", "LogGroup": {"Ref": group}} == properties_["LoggingConfig"]
    assert 30 == logs["RetentionInDays"]
    assert "ReservedConcurrentExecutions" not in properties_


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_finds_every_setting_in_its_environment(template, function):
    _, properties_ = named(template, "AWS::Lambda::Function", f"{function}Function")
    told = properties_["Environment"]["Variables"]
    resolved = {name: "".join(strings(value)) for name, value in told.items()}
    if "MLWARDEN_TOPICS" in told:
        resolved["MLWARDEN_TOPICS"] = "".join(
            part if isinstance(part, str) else "arn" for part in told["MLWARDEN_TOPICS"]["Fn::Join"][1]
        )

    settings = FUNCTIONS[function].from_environment(resolved)

    assert "demo" == settings.stage
    assert len(resolved) == len(settings.to_environment())


def test_no_environment_adds_a_dimension_to_every_metric(template):
    """With POWERTOOLS_SERVICE_NAME the heartbeat would carry a dimension that its alarm does not ask for."""
    for function in properties(template, "AWS::Lambda::Function"):
        assert "POWERTOOLS_SERVICE_NAME" not in function["Environment"]["Variables"]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_role_allows_exactly_what_its_function_calls(template, function):
    statements = role_statements(template, function)

    assert ALLOWED[function] == actions(statements)
    assert {"Allow"} == {statement["Effect"] for statement in statements}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_role_says_every_resource_only_where_aws_knows_none(template, function):
    everywhere = [entry for entry in role_statements(template, function) if entry["Resource"] == "*"]

    assert actions(everywhere) <= WITHOUT_RESOURCE_TYPE


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_role_has_no_managed_policy_and_writes_to_its_own_logs_only(template, function):
    _, role = named(template, "AWS::IAM::Role", f"{function}Role")
    group, _ = named(template, "AWS::Logs::LogGroup", f"{function}Logs")
    [writing] = [entry for entry in role_statements(template, function) if actions([entry]) == LOGS]

    assert "ManagedPolicyArns" not in role
    assert {"Fn::GetAtt": [group, "Arn"]} == writing["Resource"]


def test_the_sweeper_reads_the_table_through_its_indexes_alone(template):
    [query] = [entry for entry in role_statements(template, "Sweeper") if entry["Action"] == "dynamodb:Query"]

    assert ["/index/due", "/index/firing"] == [resource["Fn::Join"][1][-1] for resource in query["Resource"]]


@pytest.mark.parametrize("function,name", FED_BY.items())
def test_a_function_is_fed_from_its_queue_and_may_fail_single_records(template, function, name):
    logical, properties_ = queue(template, name)
    _, mapping = named(template, "AWS::Lambda::EventSourceMapping", function)
    _, consumer = named(template, "AWS::Lambda::Function", f"{function}Function")

    assert {"Fn::GetAtt": [logical, "Arn"]} == mapping["EventSourceArn"]
    assert (mapping["BatchSize"], mapping.get("MaximumBatchingWindowInSeconds")) in {(100, 1), (10, None)}
    assert 2 <= mapping["ScalingConfig"]["MaximumConcurrency"] <= 10
    assert ["ReportBatchItemFailures"] == mapping["FunctionResponseTypes"]
    assert 6 * consumer["Timeout"] == properties_["VisibilityTimeout"]


def test_a_report_has_time_to_read_every_page(template):
    _, function = named(template, "AWS::Lambda::Function", "RecommenderFunction")

    assert 300 == function["Timeout"]


def test_a_report_that_fails_three_times_is_kept(template):
    failed, _ = named(template, "AWS::SQS::Queue", "ReportsDeadLetters")
    [invoked] = properties(template, "AWS::Lambda::EventInvokeConfig")

    assert 2 == invoked["MaximumRetryAttempts"]
    destination = invoked["DestinationConfig"]["OnFailure"]["Destination"]
    assert {"Fn::GetAtt": [failed, "Arn"]} == destination


def test_the_rules_have_the_patterns_of_what_the_router_takes(template):
    for name, _, pattern in rules.patterns("demo"):
        [found] = [
            resource["Properties"]["EventPattern"]
            for logical, resource in of_type(template, "AWS::Events::Rule").items()
            if logical.rstrip("0123456789ABCDEF") == name
        ]

        assert pattern == found
    assert [{"prefix": name_prefix("demo")}] == rules.patterns("demo")[0][2]["detail"]["alarmName"]


def test_the_schedules_press_the_switch_sweep_and_report(template):
    found = {}
    for name in ("Heartbeat", "Sweep", "Report"):
        _, rule = named(template, "AWS::Events::Rule", name)
        found[name] = (rule["ScheduleExpression"], json.loads(rule["Targets"][0].get("Input", "null")))

    assert {
        "Heartbeat": ("rate(1 minute)", {"source": "mlwarden", "detail-type": "mlwarden heartbeat"}),
        "Sweep": ("rate(1 minute)", {"sweep": True}),
        "Report": ("cron(0 6 ? * MON *)", None),
    } == found


def test_what_a_rule_cannot_deliver_is_kept(template):
    undelivered, _ = named(template, "AWS::SQS::Queue", "RulesDeadLetters")

    targets = [target for rule in properties(template, "AWS::Events::Rule") for target in rule["Targets"]]

    assert len(RULES) + 3 == len(targets)
    for target in targets:
        assert {"Fn::GetAtt": [undelivered, "Arn"]} == target["DeadLetterConfig"]["Arn"]


def test_functions_can_be_invoked_by_their_own_schedule_and_the_router_by_alarms_of_this_account(template):
    for permission in properties(template, "AWS::Lambda::Permission"):
        if permission["Principal"] == "lambda.alarms.cloudwatch.amazonaws.com":
            assert permission["FunctionName"]["Ref"].startswith("Router")
            assert {"Ref": "AWS::AccountId"} == permission["SourceAccount"]
            continue
        assert "events.amazonaws.com" == permission["Principal"]
        assert permission["SourceArn"]["Fn::GetAtt"][0].startswith(("Sweep", "Report"))


def test_platform_alarms_speak_to_a_topic_of_their_severity_directly(template):
    for alarm in properties(template, "AWS::CloudWatch::Alarm"):
        if alarm["AlarmName"].endswith("-PipelineHealthy"):
            assert "AlarmActions" not in alarm, "its ALARM is the good state"
            continue
        severity = {tag["Key"]: tag["Value"] for tag in alarm["Tags"]}["mlwarden:severity"]
        [topic] = alarm["AlarmActions"]

        assert f"ExportsOutputRef{severity.capitalize()}" in topic["Fn::ImportValue"]
        assert "OKActions" not in alarm, "each deploy would send an OK for every alarm"


def test_every_part_that_can_fail_has_its_platform_alarm(template):
    watched = {alarm["AlarmName"] for alarm in properties(template, "AWS::CloudWatch::Alarm")}

    expected = {
        *(f"mlwarden-demo-{name.lower()}-FunctionErrors" for name in FUNCTIONS),
        *(f"mlwarden-demo-{name.lower()}-FunctionThrottles" for name in FUNCTIONS),
        *(
            f"mlwarden-demo-{name}-DeadLetters"
            for name in ("events", "investigations", "notifications", "reports", "rules")
        ),
        *(f"mlwarden-demo-{name}-NotificationsFailed" for name in ("critical", "warning", "info")),
        "mlwarden-demo-platform-HeartbeatMissing",
        "mlwarden-demo-platform-PipelineHealthy",
    }
    assert expected == watched


def test_platform_alarms_ask_for_the_physical_things(template):
    watched = {alarm["AlarmName"]: alarm for alarm in properties(template, "AWS::CloudWatch::Alarm")}
    function, _ = named(template, "AWS::Lambda::Function", "RouterFunction")
    dead, _ = named(template, "AWS::SQS::Queue", "EventsDeadLetters")

    [errors] = watched["mlwarden-demo-router-FunctionErrors"]["Dimensions"]
    [depth] = watched["mlwarden-demo-events-DeadLetters"]["Dimensions"]

    assert {"Name": "FunctionName", "Value": {"Ref": function}} == errors
    assert {"Name": "QueueName", "Value": {"Fn::GetAtt": [dead, "QueueName"]}} == depth


def test_the_facts_layer_knows_every_deployed_alarm(templates, default_config, layers):
    deployed = {
        resource["Properties"]["AlarmName"]
        for template in templates.values()
        for resource in template["Resources"].values()
        if resource["Type"] in {"AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"}
    }

    known = facts.decode(layers["Facts"]["python/mlwarden_deployed/alarms.json"].decode())

    assert deployed == set(known)
    assert set(platform.CONDITIONS) <= {entry.condition for entry in known.values()}


def test_the_facts_layer_has_the_policy_of_the_configuration(default_config, layers):
    written = layers["Facts"]["python/mlwarden_deployed/policy.json"].decode()

    assert policyfile.of(default_config) == policyfile.decode(written)
