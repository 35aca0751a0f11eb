"""Replies as messages of Slack: in their thread, marked with their key, and found again by it."""

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from adapters.chat.rendering import SLACK_LIMIT, CodeFile, as_file
from adapters.ports.errors import CannotTell, DeliveryRefused, PlatformUnavailable
from adapters.ports.messages import Address, Origin
from adapters.ports.platform import Sought
from adapters.slack.blocks import message_of, messages_of, parts_for_slack, plain_message_of
from adapters.slack.emoji import name_of
from adapters.slack.errors import Refusal, translated
from adapters.slack.me import Me
from adapters.slack.mrkdwn import escaped, lifeless
from adapters.slack.told import listed_in, part_in, text_in

logger = logging.getLogger(__name__)

EVENT_TYPE = "reply"
"""Names the metadata of our replies (https://docs.slack.dev/messaging/message-metadata/)."""

MOST_LOOKED_AT = 500
"""Messages of a place, among which one that may have been posted is looked for."""

PAGE = 100

ABOUT = "About what you wrote in another channel: {text}"

_NO_THREAD = frozenset({"thread_not_found", "cannot_reply_to_message", "restricted_action_non_threadable_channel"})
_BLOCKS_REFUSED = frozenset({"invalid_blocks", "msg_blocks_too_long", "invalid_blocks_format"})


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands in a place of a reply.

    Attributes:
        name: that of its message; None if it is not there, or not all of it.
        parts: the numbers, from 1, of the parts that are there of code which could not be a file.
    """

    name: str | None
    parts: frozenset[int] = frozenset()


async def post(
    client: AsyncWebClient, address: Address, text: str, key: str, there: Collection[int] = frozenset()
) -> str:
    """Post one part of a reply; returns its name, empty where Slack does not tell it.

    What cannot stand in a thread stands in the channel. There Slack itself puts what answers a message that is gone:
    https://github.com/slack-go/slack/issues/1571

    Args:
        client: the Web API.
        address: where.
        text: the reply.
        key: by which `find` knows it.
        there: what `find` found of it, if it is not all there.

    Raises:
        PlatformUnavailable: it may be tried again.
        DeliveryRefused: it need not be.
    """
    try:
        return await _post_there(client, address, text, key, there)
    except Refusal as refusal:
        if address.thread is None or refusal.error not in _NO_THREAD:
            raise
    return await _post_there(client, replace(address, thread=None), text, key, there)


async def _post_there(client: AsyncWebClient, address: Address, text: str, key: str, there: Collection[int]) -> str:
    if (file := as_file(text, SLACK_LIMIT)) is None:
        return await _post(client, address, text, key)
    if not there:
        try:
            return await _share(client, address, file, key)
        except Refusal as refusal:  # for want of a scope, or of room: then it is to be read in parts
            logger.info("code cannot be sent as a file: %s", refusal)
    return await _post_parts(client, address, text, key, there)


async def _post_parts(client: AsyncWebClient, address: Address, text: str, key: str, there: Collection[int]) -> str:
    """Each part has a key of its own, so that those that are there are not posted again, and the others are."""
    names: list[str] = []
    for number, part in enumerate(parts_for_slack(text), 1):
        if number in there:
            continue
        try:
            names.append(await _post(client, address, part, _part_key(key, number)))
        except PlatformUnavailable as error:
            is_begun = bool(names) or bool(there)
            unsure = error.may_be_posted or is_begun  # so that it is looked for before the rest is sent
            raise PlatformUnavailable(str(error), error.retry_after, may_be_posted=unsure) from error
    return next(iter(names), "")


def _part_key(key: str, number: int) -> str:
    return f"{key}/{number}"


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


async def find(client: AsyncWebClient, address: Address, key: str, sought: Sought | None, me: Me) -> Standing:
    """What stands in a place of the reply that has that key.

    Raises:
        PlatformUnavailable: it may be asked again.
        CannotTell: the history cannot be read.
    """
    count = 0
    if sought is not None and as_file(sought.text, SLACK_LIMIT) is not None:
        count = len(parts_for_slack(sought.text))
    parts = {_part_key(key, number): number for number in range(1, count + 1)}
    found = await _find(client, address, key, parts, sought, me)
    if not found and address.thread is not None:  # which may not have been there for it
        found = await _find(client, replace(address, thread=None), key, parts, sought, me)
    if _is_all_there(found, parts):
        return Standing(found[_part_key(key, 1)])
    return Standing(found.get(key), frozenset(number for part, number in parts.items() if part in found))


async def _find(
    client: AsyncWebClient, address: Address, key: str, parts: Collection[str], sought: Sought | None, me: Me
) -> dict[str, str]:
    """The names of our messages that have the key, or that of a part, by the key."""
    asked: dict[str, Any] = {"channel": address.channel, "limit": PAGE, "include_all_metadata": True}
    if sought is not None:
        asked["oldest"] = f"{sought.since.timestamp():.6f}"
    read: Callable[..., Awaitable[Any]] = client.conversations_history
    if address.thread is not None:
        asked["ts"], read = address.thread, client.conversations_replies
    found: dict[str, str] = {}
    try:
        with translated():
            for _ in range(MOST_LOOKED_AT // PAGE):
                told = await read(**asked)
                for message in told.get("messages") or []:
                    if (its_key := _key_of(message, (key, *parts), me)) is not None:
                        found[its_key] = str(message["ts"])
                cursor = (told.get("response_metadata") or {}).get("next_cursor")
                if not cursor or key in found or _is_all_there(found, parts):
                    break
                asked["cursor"] = cursor
    except Refusal as refusal:
        if refusal.error == "thread_not_found":
            return {}
        raise CannotTell(str(refusal)) from refusal
    except DeliveryRefused as error:
        raise CannotTell(str(error)) from error
    return found


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


def _is_all_there(found: Collection[str], parts: Collection[str]) -> bool:
    return bool(parts) and all(part in found for part in parts)


def _key_of(message: Mapping[str, Any], keys: Collection[str], me: Me) -> str | None:
    """Which of these a message has; anybody can share a file of that name, or put metadata into a message of theirs."""
    if message.get("user") != me.user:
        return None
    for file in listed_in(message, "files"):
        if (key := next((key for key in keys if f"-{key}." in text_in(file, "name")), None)) is not None:
            return key
    metadata = message.get("metadata")
    if not isinstance(metadata, dict) or metadata.get("event_type") != EVENT_TYPE:
        return None
    payload = metadata.get("event_payload")
    key = payload.get("key") if isinstance(payload, dict) else None
    return key if isinstance(key, str) and key in keys else None
