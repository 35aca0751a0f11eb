"""Texts of ours as Slack shows them (pure): Markdown in a block of its own, and a plain text for notifications.

https://docs.slack.dev/reference/block-kit/blocks/markdown-block
"""

import re
from collections.abc import Sequence
from typing import Any

from adapters.chat.rendering import SLACK_LIMIT, as_file, parts_of
from adapters.slack.mrkdwn import escaped, lifeless

Json = dict[str, Any]

NOT_LOOKED_UP = {"unfurl_links": False, "unfurl_media": False}
"""Slack would fetch what a link names, and so tell its owner what a document, say, has made the agent write there."""


def parts_for_slack(text: str) -> tuple[str, ...]:
    """A text as the messages that Slack takes, with what keeps mentions from being live counted in."""
    return parts_of(lifeless(text), SLACK_LIMIT)


def parts_of_reply(text: str) -> tuple[str, ...]:
    """The same of an agent's reply; code that nobody would read in parts stays whole, to go as a file."""
    return (text,) if as_file(text, SLACK_LIMIT) is not None else parts_for_slack(text)


def message_of(text: str, *more: Json) -> Json:
    """One part as the arguments of a message, without any mention in it being live; blocks of ours may follow it."""
    plain = escaped(lifeless(_without_small_print(text)))
    return {"text": plain, "blocks": [markdown(text), *more], **NOT_LOOKED_UP}


def plain_message_of(text: str) -> Json:
    """The same for a workspace that does not take such blocks."""
    return {"text": escaped(lifeless(text)), "mrkdwn": False, **NOT_LOOKED_UP}


def markdown(text: str) -> Json:
    """A block of Markdown."""
    return {"type": "markdown", "text": lifeless(_without_small_print(text))}


_SMALL_PRINT = re.compile(r"(?:\A|(?<=\n))-# ([^\n]+)\Z")


def _without_small_print(text: str) -> str:
    """What stands below a reply in small print, as Discord marks it, is slanted: Slack has no small letters."""
    return _SMALL_PRINT.sub(r"_\1_", text)


def buttons(*elements: Json) -> Json:
    """A row of buttons."""
    return {"type": "actions", "elements": list(elements)}


def button(label: str, action: str, value: str, style: str | None = None) -> Json:
    """A button; `value` comes back when it is pressed."""
    made: Json = {"type": "button", "text": plain_text(label), "action_id": action, "value": value}
    return made | ({"style": style} if style else {})


def plain_text(text: str) -> Json:
    """A text that is shown as it stands."""
    return {"type": "plain_text", "text": text, "emoji": True}


def messages_of(text: str, *last: Json) -> Sequence[Json]:
    """A text as messages, at least one; blocks of ours stand below the last of them."""
    *first, end = parts_for_slack(text) or ("Done.",)
    return [*map(message_of, first), message_of(end, *last)]
