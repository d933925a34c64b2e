"""One notification on one channel: rendered, sent, and what became of it. No channel's failure raises."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from core.channels import addresses, signing
from core.channels.outcome import Outcome, refused, retry, sent
from core.channels.signing import BadKeys
from core.incidents.notification import Notification, Reason
from core.incidents.policy import Channel, ChannelKind
from core.messages import message
from core.messages.message import Message
from core.messages.place import Place
from core.messages.templates import NONE, Templates
from lambdas import pictures
from lambdas.adapters import opscenter, pagerduty, secrets, slack, teams, topics, webhook
from lambdas.adapters.attempts import Refused, attempt
from lambdas.adapters.secrets import NoSecret

PRIVATE_NETWORKS = "private_networks"
"""The channel's option that lists private networks which it may reach."""
_NEVER = frozenset(
    {
        "AuthorizationError",
        "EndpointDisabled",
        "InvalidParameter",
        "InvalidParameterValue",
        "KMSAccessDenied",
        "KMSDisabled",
        "KMSNotFound",
        "KMSOptInRequired",
        "NotFound",
        "ValidationException",
    }
)
"""SNS's errors that another attempt does not mend."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What a deployment has for its channels: where it is, its topics' ARNs by severity, its users' templates.

    `images` is the bucket for graphs, "" where no channel shows any.
    """

    place: Place
    topics: Mapping[str, str]
    templates: Templates = NONE
    images: str = ""


def send(channel: Channel, notification: Notification, desk: Desk, *, reference: str = "") -> Outcome:
    """Send; `reference` is what the channel calls the incident's message so far, where it has one."""
    image = pictures.address(notification, desk.images) if channel.kind in message.FETCHING else ""
    written = message.write(notification, channel.kind, desk.place, templates=desk.templates, image=image)
    try:
        return _SENDERS[channel.kind](channel, notification, written, desk, reference)
    except NoSecret as missing:
        return retry(str(missing)) if missing.again else refused(str(missing))
    except BadKeys as bad:
        secrets.forget(channel.secret)
        return refused(f"{channel.secret}: {bad}")


def _sns(channel: Channel, notification: Notification, written: Message, desk: Desk, _: str) -> Outcome:
    """To the channel's topic, else the one of the severity; an end goes to all that were told of the incident."""
    outcome = sent()
    for topic in [channel.target] if channel.target else _by_severity(notification, desk):
        publish = partial(
            topics.publish,
            topic,
            subject=written.subject,
            text=written.body,
            sms=written.short,
            group=notification.group,
            attributes=_attributes(notification) | {"incident_json": written.figures},
        )
        outcome = _published(publish)
        if not outcome.sent:
            return outcome
    return outcome


def _by_severity(notification: Notification, desk: Desk) -> list[str]:
    ended = notification.reason is Reason.ALL_RESOLVED
    severities = notification.told if ended and notification.told else (notification.severity,)
    found = [desk.topics[severity.value] for severity in severities if severity.value in desk.topics]
    return found or [next(iter(desk.topics.values()))]


def _amazon_q(channel: Channel, notification: Notification, written: Message, _: Desk, __: str) -> Outcome:
    document = json.loads(written.body)
    return _published(partial(topics.announce, channel.target, document, attributes=_attributes(notification)))


def _published(publish: Callable[[], str]) -> Outcome:
    answer = attempt(publish)
    if isinstance(answer, Refused):
        said = f"SNS answered {answer.code}"
        return refused(said) if answer.code in _NEVER else retry(said)
    return sent(answer)


def _attributes(notification: Notification) -> dict[str, str]:
    return {
        "severity": notification.severity.value,
        "incident": notification.incident,
        "reason": notification.reason.value,
        "receiver": notification.receiver,
        "notification_id": notification.id,
    }


def _slack(channel: Channel, _: Notification, written: Message, __: Desk, ___: str) -> Outcome:
    post = partial(slack.post, document=json.loads(written.body), allowed=_allowed(channel))
    return _with_secret(channel, post)


def _slack_bot(channel: Channel, _: Notification, written: Message, __: Desk, reference: str) -> Outcome:
    document, allowed = json.loads(written.body), _allowed(channel)
    return _with_secret(
        channel, lambda token: slack.write(token, channel.target, document, reference=reference, allowed=allowed)
    )


def _teams(channel: Channel, _: Notification, written: Message, __: Desk, ___: str) -> Outcome:
    return _with_secret(channel, partial(teams.send, card=json.loads(written.body), allowed=_allowed(channel)))


def _pagerduty(channel: Channel, _: Notification, written: Message, __: Desk, ___: str) -> Outcome:
    """Every event in order: one is the rule; a digest resolves what it replaces. PagerDuty drops repetitions."""
    outcome, allowed = sent(), _allowed(channel)
    for event in json.loads(written.body):
        outcome = _with_secret(channel, partial(pagerduty.send, event=event, url=channel.target, allowed=allowed))
        if not outcome.sent:
            return outcome
    return outcome


def _https(channel: Channel, notification: Notification, written: Message, _: Desk, __: str) -> Outcome:
    live = signing.keys(secrets.read(channel.secret))
    return webhook.send(
        channel.target, json.loads(written.body), live, notification_id=notification.id, allowed=_allowed(channel)
    )


def _opscenter(_: Channel, __: Notification, written: Message, ___: Desk, reference: str) -> Outcome:
    document = json.loads(written.body)
    if "open" in document:
        return opscenter.write(document["open"], reference=reference)
    return opscenter.close(document["close"], reference) if reference else sent()


def _with_secret(channel: Channel, call: Callable[[str], Outcome]) -> Outcome:
    """The call with the channel's secret; one that the service refuses is read anew next time: it may be rotated."""
    outcome = call(secrets.read(channel.secret).strip())
    if not outcome.sent and outcome.retry_after is None:
        secrets.forget(channel.secret)
    return outcome


def _allowed(channel: Channel) -> tuple[addresses.Network, ...]:
    return addresses.networks(dict(channel.options).get(PRIVATE_NETWORKS, "").split(","))


_Sender = Callable[[Channel, Notification, Message, Desk, str], Outcome]
_SENDERS: dict[ChannelKind, _Sender] = {
    ChannelKind.SNS: _sns,
    ChannelKind.SLACK: _slack,
    ChannelKind.SLACK_BOT: _slack_bot,
    ChannelKind.TEAMS: _teams,
    ChannelKind.PAGERDUTY: _pagerduty,
    ChannelKind.HTTPS: _https,
    ChannelKind.AMAZON_Q: _amazon_q,
    ChannelKind.OPSCENTER: _opscenter,
}
