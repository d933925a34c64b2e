"""What each channel takes, with the page that says so. Sizes are bytes of UTF-8 unless they say characters."""

MAX_SUBJECT = 99
"""Characters: SNS Publish, Subject: less than 100, without line breaks or control characters. Ours is ASCII."""
MAX_FIRST_LINE = 100
"""Characters: what a phone's list of mails shows at most."""
MAX_SMS_BYTES = 1_600
"""SNS Publish, to a phone: a longer text is refused."""
MAX_SMS = 140
"""Characters: one SMS is 140 bytes (SNS Developer Guide, sns-mobile-phone-as-subscriber); longer texts are split."""
MAX_SNS = 262_144
"""SNS Publish, Message: 256 KiB with its attributes, unless the topic allows more."""
MAX_FIGURES = 65_536
"""Ours, of MAX_SNS: the attribute with the figures."""
MAX_MAIL = 65_536
"""Ours, of MAX_SNS: the text, which is at most twice as long as JSON (every line break and quote is two bytes)."""

MAX_SLACK = 12_000
"""Characters of the whole JSON, ours: Slack says `msg_blocks_too_long` of larger ones, and not from where on."""
MAX_SLACK_HEADER = 150
"""Characters: Block Kit, header block, text."""
MAX_SLACK_SECTION = 3_000
"""Characters: Block Kit, section block, text."""
MAX_SLACK_FIELD = 2_000
"""Characters: Block Kit, section block, one of its fields."""
MAX_SLACK_FIELDS = 10
"""Block Kit, section block, fields."""
MAX_SLACK_BLOCKS = 50
"""Block Kit: blocks of a message."""
MAX_SLACK_URL = 3_000
"""Characters: Block Kit, image block, image_url."""
MAX_SLACK_ALT = 2_000
"""Characters: Block Kit, image block, alt_text."""

MAX_TEAMS = 28_000
"""Microsoft Teams, "Create and send messages": 28 KB a message; this leaves some for what the workflow adds."""

MAX_CHAT_TITLE = 250
MAX_CHAT_DESCRIPTION = 8_000
MAX_CHAT_STEP = 350
MAX_CHAT_KEYWORD = 75
"""Characters: Amazon Q Developer in chat applications, "Custom notifications", parameter details."""

MAX_PAGER = 512_000
"""PagerDuty Events API v2: 512 KB an event."""
MAX_PAGER_SUMMARY = 1_024
"""Characters: PagerDuty Events API v2, payload.summary."""
MAX_PAGER_KEY = 255
"""Characters: PagerDuty Events API v2, dedup_key."""

MAX_OPS_TITLE = 1_024
MAX_OPS_DESCRIPTION = 2_048
"""Characters: SSM CreateOpsItem, Title and Description."""
MAX_OPS_VALUE = 20_000
"""SSM CreateOpsItem, OperationalData: 20 KB a value."""

MAX_HTTPS = 262_144
"""Ours: what receivers of webhooks commonly take."""

MAX_TEMPLATE = 20_000
"""Characters, ours: a template's own text."""
MAX_FREE = 1_000
"""Characters, ours: free text from outside (a reason, a failure) as a message shows it."""
MAX_GROUP = 200
"""Characters, ours: a group's key in the last lines."""
MAX_TITLE = 120
MAX_NAME = 160
"""Characters, ours: a title and a name as a message shows them."""
MAX_LINK = 1_000
"""Characters, ours: longer links are left out, so that five always fit; a link to Logs Insights takes some 600."""
