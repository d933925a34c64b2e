"""The report of recommendations, by its schedule, before and after the account is enrolled."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.config import Config
from local.messages import Message
from tests.e2e.deployed import deployed_at

MONDAY = datetime(2026, 11, 2, 6, tzinfo=UTC)
"""When `cron(0 6 ? * MON *)` fires."""


@dataclass(frozen=True)
class Reports:
    """The scheduled report of an account that is not enrolled, and the next one, made after enrolling."""

    mails: tuple[Message, Message]
    documents: tuple[dict[str, Any], dict[str, Any]]
    early: list[Message]
    errors: list[object]


@pytest.fixture(scope="module")
def reports(assembly: Path, default_config: Config) -> Reports:
    with deployed_at(MONDAY - timedelta(minutes=1), assembly, default_config) as deployed:

        def document() -> dict[str, Any]:
            key = f"reports/{deployed.world.clock.now():%Y-%m-%d}.json"
            found = deployed.aws.get("s3").get_object(Bucket=deployed.physical("Reports"), Key=key)
            return dict(json.loads(found["Body"].read()))

        deployed.advance(seconds=59)
        early = deployed.messages()
        deployed.advance(seconds=1)
        unenrolled = document()
        deployed.aws.get("compute-optimizer").update_enrollment_status(status="Active")
        deployed.aws.get("cost-optimization-hub").update_enrollment_status(status="Active")
        function = deployed.physical("RecommenderFunction")
        deployed.aws.get("lambda").invoke(FunctionName=function, InvocationType="Event", Payload=b"{}")
        deployed.advance(seconds=1)
        first, second = deployed.messages()
        errors = [run.facts["error"] for run in deployed.runs("Recommender")]
        return Reports((first, second), (unenrolled, document()), early, errors)


def test_the_report_is_made_when_its_schedule_says(reports: Reports) -> None:
    assert reports.early == []
    assert reports.mails[0].time == MONDAY
    assert reports.documents[0]["at"] == "2026-11-02T06:00:00.000Z"
    assert reports.errors == ["", ""]


def test_the_report_goes_to_the_readers_of_info_and_to_no_one_else(reports: Reports) -> None:
    assert {(mail.protocol, mail.endpoint) for mail in reports.mails} == {("email", "ml-platform@example.com")}


def test_the_mail_says_where_the_whole_report_lies(reports: Reports) -> None:
    location = reports.mails[0].body.split("REPORT\n")[1].strip()

    assert location.startswith("s3://mlwarden-demo-notifications-reports")
    assert location.endswith("/reports/2026-11-02.json")


def test_an_account_that_is_not_enrolled_reads_how_to_enrol_and_no_stack_trace(reports: Reports) -> None:
    text = " ".join(reports.mails[0].body.split())

    assert "aws compute-optimizer update-enrollment-status --status Active" in text
    assert "aws cost-optimization-hub update-enrollment-status --status Active" in text
    assert "Traceback" not in text
    assert "OptInRequired" not in text
    assert len(reports.documents[0]["notes"]) == 2


def test_an_enrolled_account_reads_what_to_change_and_what_it_saves(reports: Reports) -> None:
    mail, document = reports.mails[1], reports.documents[1]

    savings = document["monthly_savings"]["USD"]
    amounts = [found["saving"]["amount"] for found in document["recommendations"] if "saving" in found]
    assert savings > 0
    assert savings == pytest.approx(sum(amount for amount in amounts if amount > 0), abs=0.01)
    assert f"recommendations save {savings:,.0f} USD a month" in mail.subject
    assert "1. saves " in mail.body
    assert document["notes"] == []


def test_the_greatest_saving_comes_first(reports: Reports) -> None:
    amounts = [found.get("saving", {}).get("amount", -1) for found in reports.documents[1]["recommendations"]]

    assert len(amounts) > len(reports.documents[0]["recommendations"])
    assert amounts == sorted(amounts, reverse=True)
