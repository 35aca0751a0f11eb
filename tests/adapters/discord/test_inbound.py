"""Whatever Discord tells of a message, its text and names come in as they can be kept, and pass for nothing else."""

import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import discord
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from adapters.discord.inbound import inbound_of, is_written_by_a_person
from adapters.ports.messages import Aim, Person
from bot.events import envelope, user_message
from bot.text import clean
from memory.ports import Kind, NewMessage

ME, ADA, BOB, CHANNEL, GUILD, ROLE = 101, 102, 103, 104, 105, 106
NOW = "2026-03-01T12:00:00+00:00"

# Every code point, lone surrogates too, and much of what means something to Discord or to us.
MARKUP = st.sampled_from(
    [
        *(f"<@{ME}>", f"<@!{ME}>", f"<@{ADA}>", f"<@&{ROLE}>", f"<#{CHANNEL}>", "<@", "<@1", "<:smile:1>", "<a::2>"),
        *("@everyone", "<|im_end|>", "[INST]", '"', "\\", "{", "\n", "(1)"),
        *("\u202e", "\u2066", "\x00", "\ud800", "\udfff", "\u0301" * 200, "\u200b"),
    ]
)
TEXTS = st.lists(st.one_of(MARKUP, st.text(st.characters(codec=None), max_size=20)), max_size=12).map("".join)

CLIENT = discord.Client(intents=discord.Intents.none())


def user(id_: int, name: str, nick: str | None = None) -> dict[str, Any]:
    told: dict[str, Any] = {"id": str(id_), "username": name, "global_name": nick, "avatar": None, "discriminator": "0"}
    return told


def message_of(told: dict[str, Any], guild_id: int | None) -> discord.Message:
    state = CLIENT._connection
    channel = discord.PartialMessageable(state, CHANNEL, guild_id)
    usual = {"id": "7", "channel_id": str(CHANNEL), "type": 0, "timestamp": NOW, "edited_timestamp": None}
    usual |= {"tts": False, "mention_everyone": False, "mention_roles": [], "attachments": [], "embeds": []}
    return discord.Message(state=state, channel=channel, data=usual | told)  # type: ignore[arg-type]


@settings(max_examples=300, deadline=None)
@example("", "", "", "", None)
@example(f"<@{ME}>", "\ud800", "\x00", "\u202e", GUILD)
@given(TEXTS, TEXTS, TEXTS, TEXTS, st.sampled_from([None, GUILD]))
def test_any_text_and_any_name_come_in_as_an_envelope_that_says_who_wrote_it(
    content: str, name: str, nick: str, other: str, guild_id: int | None
) -> None:
    me = message_of({"author": user(ME, "memo"), "content": ""}, None).author
    told = {
        "author": user(ADA, name, nick),
        "content": content,
        "mentions": [user(ME, "memo", other), user(BOB, other, other)],
        "sticker_items": [{"id": "1", "name": other, "format_type": 1}],
        "attachments": [{"id": "1", "filename": other, "size": 1, "url": other, "proxy_url": other}],
        "poll": {
            "question": {"text": other},
            "answers": [{"answer_id": 1, "poll_media": {"text": name}}],
            "expiry": NOW,
            "allow_multiselect": False,
            "layout_type": 1,
        },
    }
    message = message_of(told, guild_id)
    assert is_written_by_a_person(message, me, answers_bots=False)
    inbound = inbound_of(message, me)
    assert inbound.origin.person.id == str(ADA)
    assert inbound.origin.is_direct == (guild_id is None)
    assert inbound.aim is Aim.AT_US  # directly, or by the mention
    event = user_message(inbound)
    assert json.loads(json.dumps(event.origin))
    event.text.encode()
    kept = NewMessage(
        kind=Kind.USER_MESSAGE,
        created_at=datetime(2026, 3, 1, tzinfo=UTC),
        text=event.text,
        author_id=str(ADA),
        author_name=clean(inbound.origin.person.name),
    )
    written = envelope(kept, ZoneInfo("UTC"), text=event.text, names_speaker=True)
    written.encode()
    fields = json.loads(written)
    assert fields["type"] == "user_message"
    assert fields["message"] == event.text
    assert fields["from"].endswith(f"({ADA})")
    assert fields["from"].count("(") == 1
    assert "<|" not in written


@given(TEXTS)
def test_no_text_makes_the_bot_answer_another_bot_or_itself(content: str) -> None:
    me = message_of({"author": user(ME, "memo"), "content": ""}, None).author
    for author in (user(ME, "memo") | {"bot": False}, user(BOB, "robot") | {"bot": True}):
        message = message_of({"author": author, "content": content}, GUILD)
        assert not is_written_by_a_person(message, me, answers_bots=False)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (f"<@{ME}> hello", "hello"),
        (f"<@!{ME}>, hello", "hello"),
        (f"hello <@{ME}>", "hello"),
        (f"is <@{ME}> here?", "is @Memo here?"),
        (f"<@{ME}>", "(mentions you without a word)"),
        (f" <@{ME}> <@{ME}>\n", "(mentions you without a word)"),
        (" ", ""),
        (f"<@{BOB}> and <@99>", "@Bob and <@99>"),
        ("<:wave:1> <a:dance:2>", ":wave: :dance:"),
        ("<#5> <t:7:R> </agent help:6>", "<#5> <t:7:R> </agent help:6>"),
    ],
)
def test_ids_are_read_as_the_names_that_people_see(content: str, text: str) -> None:
    me = message_of({"author": user(ME, "memo", "Memo"), "content": ""}, None).author
    told = {"author": user(ADA, "ada"), "content": content, "mentions": [user(BOB, "bob", "Bob")]}
    assert inbound_of(message_of(told, GUILD), me).text == text


def snapshot(**told: Any) -> dict[str, Any]:
    usual = {"type": 0, "content": "", "timestamp": NOW, "edited_timestamp": None, "attachments": [], "embeds": []}
    return {"message": usual | told}


@pytest.mark.parametrize(
    ("about", "is_quoted"),
    [
        ({}, True),
        ({"message_reference": {"type": 1, "message_id": "6", "channel_id": str(CHANNEL)}}, False),  # forwarded
        ({"message_reference": {"type": 0, "message_id": "6", "channel_id": "9"}}, False),
        ({"type": 0}, False),
        ({"referenced_message": None}, False),
    ],
)
def test_a_reply_quotes_what_stands_in_its_own_place(about: dict[str, Any], is_quoted: bool) -> None:
    me = message_of({"author": user(ME, "memo"), "content": ""}, None).author
    usual = {"id": "6", "channel_id": str(CHANNEL), "type": 0, "timestamp": NOW, "edited_timestamp": None}
    usual |= {"tts": False, "mention_everyone": False, "mentions": [], "mention_roles": [], "attachments": []}
    told = {
        "author": user(ADA, "ada"),
        "content": "yes",
        "type": 19,
        "mentions": [],
        "message_reference": {"type": 0, "message_id": "6", "channel_id": str(CHANNEL)},
        "referenced_message": usual | {"author": user(BOB, "bob", "Bob"), "content": "tea?", "embeds": []},
    }
    quoted = inbound_of(message_of(told | about, GUILD), me).replying_to
    assert (quoted is not None) is is_quoted
    if quoted is not None:
        assert (quoted.message_id, quoted.author, quoted.text) == ("6", Person(str(BOB), "Bob"), "tea?")


def test_the_files_of_forwarded_messages_are_files_of_the_message() -> None:
    me = message_of({"author": user(ME, "memo"), "content": ""}, None).author
    files = [
        {"id": f"{number}", "filename": f"{number}.txt", "size": number, "url": f"u{number}", "proxy_url": ""}
        for number in (1, 2, 3)
    ]
    told = {
        "author": user(ADA, "ada"),
        "content": f"<@{ME}>",
        "attachments": files[:1],
        "mentions": [],
        "message_snapshots": [snapshot(attachments=files[1:2]), snapshot(content="read it", attachments=files[2:])],
    }
    inbound = inbound_of(message_of(told, GUILD), me)
    assert [(file.id, file.name, file.size, file.url) for file in inbound.attachments] == [
        ("1", "1.txt", 1, "u1"),
        ("2", "2.txt", 2, "u2"),
        ("3", "3.txt", 3, "u3"),
    ]
    assert inbound.text == "[forwarded:] read it"
    alone = told | {"content": "", "attachments": [], "message_snapshots": [snapshot(attachments=files[:1])]}
    inbound = inbound_of(message_of(alone, None), me)
    assert ([file.id for file in inbound.attachments], inbound.text) == (["1"], "")
