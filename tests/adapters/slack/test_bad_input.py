"""Whatever comes from Slack, or passes for it: a status, or silence, and the next hello is answered."""

import io
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest

from tests.platforms.slack.http_delivery import FORM, JSON, signed
from tests.platforms.slack.served import QuickPlatform, serving
from tests.platforms.slack.things import Delivery
from tests.platforms.slack.world import World

LONG = "word " * 20_000


async def is_well(world: World) -> None:
    asked = await world.says(world.ada, world.dm(world.ada), "are you well?")
    answer = await world.hears(world.dm(world.ada), after=asked, holds=lambda it: "are you well?" in it.text)
    assert answer.text.startswith("You said: are you well?")


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"", JSON, {200, 400, 404}),
        (b"{", JSON, {400}),
        (b"[]", JSON, {400}),
        (b"7", JSON, {400}),
        (b'"text"', JSON, {400}),
        (b"{}", JSON, {404}),
        (b'{"type":"event_callback"}', JSON, {200, 404}),
        (b'{"type":"event_callback","event":null}', JSON, {400}),
        (b'{"type":"event_callback","event":[1]}', JSON, {400}),
        (b'{"type":"event_callback","event":{"type":"message","channel":[],"text":{}}}', JSON, {200}),
        (b"payload=%7B", FORM, {400}),
        (b"payload=7", FORM, {400}),
        (b"payload=", FORM, {200, 400, 404}),
        (b"command=%2Fagent", FORM, {200}),
        (b"command=%2Fagent&text=help&channel_id=%00&user_id=%ff", FORM, {200}),
        (urlencode({"payload": json.dumps({"type": "block_actions"})}).encode(), FORM, {400}),
        (urlencode({"payload": json.dumps({"type": "block_actions", "actions": [{}]})}).encode(), FORM, {400}),
        (urlencode({"payload": json.dumps({"type": "block_actions", "actions": [7]})}).encode(), FORM, {400}),
        (urlencode({"payload": json.dumps({"type": "message_action"})}).encode(), FORM, {404}),
        (
            urlencode({"payload": json.dumps({"type": "message_action", "callback_id": "remember_this"})}).encode(),
            FORM,
            {200, 404},
        ),
        (urlencode({"payload": json.dumps({"type": "view_submission", "view": {}})}).encode(), FORM, {200, 404}),
        (urlencode({"payload": json.dumps({"type": "something_new"})}).encode(), FORM, {404}),
        (b"\xff\xfe", JSON, {400}),
        (b"{" * 100_000, JSON, {400}),
        (b"[" * 100_000, JSON, {400}),
        (b"x" * (5 * 1024 * 1024), JSON, {413}),
    ],
)
async def test_signed_nonsense_is_answered_and_does_no_harm(
    world: World, tmp_path: Path, body: bytes, content_type: str, status: set[int]
) -> None:
    platform = QuickPlatform(world, over_http=True)
    async with serving(world, tmp_path, platform=platform), aiohttp.ClientSession() as session:
        headers = {"Content-Type": content_type, **signed(world.signing_secret, body.decode(errors="replace"))}
        url = f"http://127.0.0.1:{platform.port}/slack/events"
        async with session.post(url, data=io.BytesIO(body), headers=headers) as response:
            assert response.status in status
        await is_well(world)


async def test_texts_of_any_kind_are_read(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path):
        for text in ("\x00", "\u202eevil\u2066", ":tada: :+1::skin-tone-3:", "<@>", "<" * 1000, LONG, "``` <@U1"):
            asked = await world.says(world.ada, world.dm(world.ada), f"x {text}")
            await world.hears(world.dm(world.ada), after=asked)
        await is_well(world)


@pytest.mark.parametrize(
    "more",
    [
        {"text": None},
        {"text": 7},
        {"text": ["a"]},
        {"files": "x"},
        {"files": [None, {}, {"id": 7}, {"id": "F1", "size": -1, "name": 7}]},
        {"attachments": {}},
        {"thread_ts": {}},
        {"ts": "tomorrow"},
        {"ts": None},
        {"user": None},
        {"user": {"id": "U1"}},
        {"channel": None},
        {"channel": "../../x"},
        {"bot_id": {}},
        {"subtype": []},
        {"subtype": "message_changed"},
        {"subtype": "message_changed", "message": {"ts": "1.1", "user": 7, "edited": 7}, "previous_message": []},
        {"subtype": "message_deleted", "deleted_ts": {}},
        {"subtype": "message_deleted", "deleted_ts": "1.1", "previous_message": {"user": []}},
        {"type": "app_home_opened", "user": None},
        {"type": "tokens_revoked", "tokens": 7},
        {"type": "tokens_revoked", "tokens": {"bot": ["U9"]}},
        {"type": "something_new"},
    ],
)
async def test_events_with_missing_and_strange_fields_do_no_harm(
    world: World, tmp_path: Path, more: dict[str, Any]
) -> None:
    event = {"type": "message", "channel": world.dm(world.ada).id, "channel_type": "im", "user": world.ada.id}
    event |= {"ts": world.state.new_ts(), "text": "hello"} | more
    async with serving(world, tmp_path):
        await world.tells(event)
        await is_well(world)


async def test_payloads_of_commands_and_buttons_that_lack_everything_do_no_harm(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path):
        for kind, payload in (
            ("slash_commands", {"command": "/agent"}),
            ("slash_commands", {"command": "/agent", "text": LONG, "user_id": world.ada.id, "channel_id": "C0"}),
            ("interactive", {"type": "block_actions", "actions": [{"action_id": "agent_yes", "value": "x"}]}),
            ("interactive", {"type": "block_actions", "actions": [{"action_id": "agent_yes"}], "user": 7}),
            ("interactive", {"type": "view_submission", "view": {"callback_id": "remember", "private_metadata": "x"}}),
            ("interactive", {"type": "view_submission", "view": {"callback_id": "x", "private_metadata": "[]"}}),
            ("interactive", {"type": "message_action", "callback_id": "remember_this", "message": {"text": "x"}}),
            ("interactive", {"type": "shortcut", "callback_id": "x"}),
            ("nonsense", {"type": "nonsense"}),
        ):
            world.deliveries.tell(Delivery(kind, payload))
        await is_well(world)
