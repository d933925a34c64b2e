"""The pieces together: a metric raises an alarm, the alarm's action and its event reach who is meant to hear."""

import json

from tests.local.engine.conftest import allow


def test_a_metric_that_breaches_reaches_the_subscriber_and_the_queue(running, client, make_queue, bodies, advance):
    sns = client("sns")
    topic = sns.create_topic(Name="critical")["TopicArn"]
    policy = allow("cloudwatch.amazonaws.com", "sns:Publish", topic)
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="oncall@example.com")
    url, queue = make_queue("events", "events.amazonaws.com")
    pattern = {"source": ["aws.cloudwatch"], "detail": {"state": {"value": ["ALARM"]}}}
    client("events").put_rule(Name="alarms", EventPattern=json.dumps(pattern))
    client("events").put_targets(Rule="alarms", Targets=[{"Id": "1", "Arn": queue}])
    client("cloudwatch").put_metric_alarm(
        AlarmName="TooMany",
        Namespace="shop",
        MetricName="errors",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=3,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
        AlarmActions=[topic],
    )

    advance(minutes=1)
    client("cloudwatch").put_metric_data(Namespace="shop", MetricData=[{"MetricName": "errors", "Value": 5}])
    advance(minutes=1)

    (message,) = running.world.messages.all()
    assert message.endpoint == "oncall@example.com"
    assert message.subject.startswith('ALARM: "TooMany"')
    assert ["ALARM"] == [json.loads(body)["detail"]["state"]["value"] for body in bodies(url)]
    alarms = [entry.facts for entry in running.world.journal.since(0) if entry.kind == "alarm"]
    assert {"name": "TooMany", "old": "OK", "new": "ALARM"} in alarms
