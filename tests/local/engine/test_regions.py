import json
from datetime import timedelta

import boto3
import pytest
from botocore.config import Config

from tests.local.engine.conftest import ACCOUNT, START, allow


@pytest.fixture
def inside(running):
    return lambda service, region: boto3.client(
        service,
        endpoint_url=running.url,
        region_name=region,
        aws_access_key_id="admin",
        aws_secret_access_key="secret",
        config=Config(retries={"total_max_attempts": 1}),
    )


def test_metrics_are_a_regions_own_and_dashboards_the_accounts(inside):
    inside("cloudwatch", "eu-west-1").put_metric_data(Namespace="App", MetricData=[{"MetricName": "m", "Value": 1}])
    inside("cloudwatch", "eu-west-1").put_dashboard(DashboardName="d", DashboardBody='{"widgets": []}')

    assert inside("cloudwatch", "eu-west-1").list_metrics()["Metrics"] != []
    assert inside("cloudwatch", "us-east-1").list_metrics()["Metrics"] == []
    assert inside("cloudwatch", "us-east-1").get_dashboard(DashboardName="d")["DashboardBody"] == '{"widgets": []}'


def test_an_alarm_of_another_region_publishes_there_and_its_rule_matches_there(inside, running):
    region = "ap-southeast-2"
    sns, sqs, events, cloudwatch = (inside(service, region) for service in ("sns", "sqs", "events", "cloudwatch"))
    topic = sns.create_topic(Name="pages")["TopicArn"]
    policy = allow("cloudwatch.amazonaws.com", "sns:Publish", topic)
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="a@example.com")
    arn = f"arn:aws:sqs:{region}:{ACCOUNT}:q"
    queue = sqs.create_queue(
        QueueName="q", Attributes={"Policy": allow("events.amazonaws.com", "sqs:SendMessage", arn)}
    )["QueueUrl"]
    events.put_rule(Name="r", EventPattern=json.dumps({"source": ["aws.cloudwatch"]}))
    events.put_targets(Rule="r", Targets=[{"Id": "q", "Arn": arn}])
    cloudwatch.put_metric_alarm(
        AlarmName="High",
        Namespace="App",
        MetricName="m",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
        AlarmActions=[topic],
    )

    cloudwatch.put_metric_data(Namespace="App", MetricData=[{"MetricName": "m", "Value": 1}])
    running.world.clock.advance(timedelta(minutes=1))

    (message,) = running.world.messages.all()
    assert json.loads(message.body)["AlarmArn"] == f"arn:aws:cloudwatch:{region}:{ACCOUNT}:alarm:High"
    bodies = [
        json.loads(each["Body"]) for each in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    ]
    states = [body for body in bodies if body["detail-type"] == "CloudWatch Alarm State Change"]
    assert [body["region"] for body in states] == [region] * len(states) != []
    running.world.clock.advance(timedelta(minutes=2))
    names = {metric["MetricName"] for metric in cloudwatch.list_metrics(Namespace="AWS/SQS")["Metrics"]}
    assert "ApproximateNumberOfMessagesVisible" in names
    assert START < running.world.clock.now()
