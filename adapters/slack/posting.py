"""Replies as messages of Slack: in their thread, marked with their key, and found again by it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from adapters.ports import Address, CannotTell, DeliveryRefused, Origin, Sought
from adapters.rendering import SLACK_LIMIT, CodeFile, as_file
from adapters.slack.blocks import message_of, messages_of, parts_for_slack, plain_message_of
from adapters.slack.emoji import name_of
from adapters.slack.errors import Refusal, translated
from adapters.slack.me import Me
from adapters.slack.mrkdwn import escaped, lifeless
from adapters.slack.told import listed_in, part_in, text_in

EVENT_TYPE = "reply"
"""Names the metadata of our replies (https://docs.slack.dev/messaging/message-metadata/)."""

MOST_LOOKED_AT = 500
"""Messages of a place, among which one that may have been posted is looked for."""

PAGE = 100

ABOUT = "About what you wrote in another channel: {text}"

_NO_THREAD = frozenset({"thread_not_found", "cannot_reply_to_message", "restricted_action_non_threadable_channel"})
_BLOCKS_REFUSED = frozenset({"invalid_blocks", "msg_blocks_too_long", "invalid_blocks_format"})


async def post(client: AsyncWebClient, address: Address, text: str, key: str) -> str:
    """Post one part of a reply; returns its name, empty where Slack does not tell it.

    What cannot stand in a thread stands in the channel. There Slack itself puts what answers a message that is gone:
    https://github.com/slack-go/slack/issues/1571

    Raises:
        PlatformUnavailable: it may be tried again.
        DeliveryRefused: it need not be.
    """
    try:
        return await _post_there(client, address, text, key)
    except Refusal as refusal:
        if address.thread is None or refusal.error not in _NO_THREAD:
            raise
    return await _post_there(client, replace(address, thread=None), text, key)


async def _post_there(client: AsyncWebClient, address: Address, text: str, key: str) -> str:
    if (file := as_file(text, SLACK_LIMIT)) is None:
        return await _post(client, address, text, key)
    try:
        return await _share(client, address, file, key)
    except Refusal:  # for want of a scope, or of room: then it is to be read in parts
        first, *_ = [await _post(client, address, part, key) for part in parts_for_slack(text)]
        return first


async def _post(client: AsyncWebClient, address: Address, text: str, key: str) -> str:
    place: dict[str, Any] = {"channel": address.channel, "thread_ts": address.thread}
    place["metadata"] = {"event_type": EVENT_TYPE, "event_payload": {"key": key}}
    with translated():
        try:
            with translated():
                posted = await client.chat_postMessage(**place, **message_of(text))
        except Refusal as refusal:
            if refusal.error not in _BLOCKS_REFUSED:
                raise
            posted = await client.chat_postMessage(**place, **plain_message_of(text))
    return str(posted["ts"])


async def _share(client: AsyncWebClient, address: Address, file: CodeFile, key: str) -> str:
    """Send code as a file. A message that is made of one has no metadata, so the name of the file tells the key.

    https://docs.slack.dev/messaging/working-with-files/#upload
    """
    stem, _, ending = file.name.rpartition(".")
    with translated():
        told = await client.files_upload_v2(
            content=file.content,
            filename=f"{stem}-{key}.{ending}",
            title=file.name,
            channel=address.channel,
            thread_ts=address.thread,
            initial_comment=escaped(lifeless(file.introduction)) or None,
        )
    shares = part_in(next(iter(listed_in(told.data if isinstance(told.data, dict) else {}, "files")), {}), "shares")
    stands = [it for kind in ("private", "public") for it in listed_in(part_in(shares, kind), address.channel)]
    return text_in(next(iter(stands), {}), "ts")


async def find(client: AsyncWebClient, address: Address, key: str, sought: Sought | None, me: Me) -> str | None:
    """The name of a message of ours that has that key; None if there is none.

    Raises:
        PlatformUnavailable: it may be asked again.
        CannotTell: the history cannot be read.
    """
    found = await _find(client, address, key, sought, me)
    if found is None and address.thread is not None:  # which may not have been there for it
        found = await _find(client, replace(address, thread=None), key, sought, me)
    return found


async def _find(client: AsyncWebClient, address: Address, key: str, sought: Sought | None, me: Me) -> str | None:
    asked: dict[str, Any] = {"channel": address.channel, "limit": PAGE, "include_all_metadata": True}
    if sought is not None:
        asked["oldest"] = f"{sought.since.timestamp():.6f}"
    read: Callable[..., Awaitable[Any]] = client.conversations_history
    if address.thread is not None:
        asked["ts"], read = address.thread, client.conversations_replies
    try:
        with translated():
            for _ in range(MOST_LOOKED_AT // PAGE):
                told = await read(**asked)
                for message in told.get("messages") or []:
                    if _has_key(message, key, me):
                        return str(message["ts"])
                cursor = (told.get("response_metadata") or {}).get("next_cursor")
                if not cursor:
                    break
                asked["cursor"] = cursor
    except Refusal as refusal:
        if refusal.error == "thread_not_found":
            return None
        raise CannotTell(str(refusal)) from refusal
    except DeliveryRefused as error:
        raise CannotTell(str(error)) from error
    return None


async def tell(client: AsyncWebClient, origin: Origin, text: str) -> None:
    """Tell one person something of our own, seen by nobody else; directly, where they cannot be told where they wrote.

    Raises:
        PlatformUnavailable: it may be tried again.
        DeliveryRefused: it need not be.
    """
    channel = origin.address.channel or origin.person.id
    place: dict[str, Any] = {"channel": channel, "thread_ts": origin.address.thread}
    if not origin.is_direct:
        try:
            with translated():
                for message in messages_of(text):
                    await client.chat_postEphemeral(**place, user=origin.person.id, **message)
            return
        except Refusal:
            place, text = {"channel": origin.person.id}, ABOUT.format(text=text)
    with translated():
        for message in messages_of(text):
            await client.chat_postMessage(**place, **message)


async def react(client: AsyncWebClient, address: Address, message_id: str, emoji: str) -> None:
    """Put a reaction on a message; one that stands there already is as good."""
    try:
        with translated():
            await client.reactions_add(channel=address.channel, timestamp=message_id, name=name_of(emoji))
    except Refusal as refusal:
        if refusal.error != "already_reacted":
            raise


def _has_key(message: Mapping[str, Any], key: str, me: Me) -> bool:
    """Anybody can share a file of that name, and anybody's app put metadata into a message of its own."""
    if message.get("user") != me.user:
        return False
    if any(f"-{key}." in text_in(file, "name") for file in listed_in(message, "files")):
        return True
    metadata = message.get("metadata")
    if not isinstance(metadata, dict):
        return False
    payload = metadata.get("event_payload")
    return metadata.get("event_type") == EVENT_TYPE and isinstance(payload, dict) and payload.get("key") == key
