"""Whatever Slack tells of a message, it comes in as it can be kept, from where and whom it is, and once."""

import json
import time
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from adapters.ports.messages import Address, Aim, InboundMessage, Person
from adapters.slack.blocks import message_of
from adapters.slack.inbound import (
    deleted_in,
    edited_in,
    inbound_of,
    is_readable,
    is_written_by_a_person,
    people_of,
)
from adapters.slack.me import Me
from bot.events import envelope, user_message
from bot.scopes import scope_of
from bot.text import clean
from memory.ports import Kind, NewMessage

ME = Me(team="T1", user="UBOT", bot="BBOT")
NAMES = {"UADA": "Ada", "UBOB": "Bob", "UBOT": "Memo"}
AT = "1772366400.000100"


def told(text: Any = "hello", **more: Any) -> dict[str, Any]:
    return {"type": "message", "user": "UADA", "ts": AT, "text": text} | more


def read(message: dict[str, Any], channel: str = "C1") -> InboundMessage:
    return inbound_of(message, channel, "Ev1", ME, NAMES)


@pytest.mark.parametrize(
    ("channel", "scope"),
    [
        ("D1", "slack:dm:T1/UADA"),
        ("C1", "slack:channel:T1/C1"),
        ("G1", "slack:channel:T1/G1"),  # a private channel, or several people's direct messages
    ],
)
def test_a_message_is_of_the_scope_of_its_place(channel: str, scope: str) -> None:
    message = read(told(), channel)
    assert scope_of(message.origin) == scope
    assert message.origin.person == Person("UADA", "Ada")
    assert message.sent_at == datetime(2026, 3, 1, 12, 0, 0, 100, tzinfo=UTC)
    assert (message.message_id, message.message_key, message.event_id) == (AT, f"T1/{channel}/{AT}", "Ev1")


def test_a_mention_that_is_told_twice_has_one_key_and_says_the_same() -> None:
    mention = told("<@UBOT> tea?", type="app_mention", event_ts=AT)
    message = told("<@UBOT> tea?", channel_type="channel", event_ts=AT)
    first, second = read(mention), inbound_of(message, "C1", "Ev2", ME, NAMES)
    assert first.message_key == second.message_key
    assert (
        (first.text, first.aim, first.origin)
        == (second.text, second.aim, second.origin)
        == (
            "tea?",
            Aim.AT_US,
            second.origin,
        )
    )


@pytest.mark.parametrize(
    ("more", "thread"),
    [
        ({}, None),
        ({"thread_ts": "1772366000.000001"}, "1772366000.000001"),
        ({"thread_ts": "1772366000.000001", "subtype": "thread_broadcast"}, "1772366000.000001"),
        ({"thread_ts": AT}, AT),  # what Slack makes of a direct message to an agent
        ({"thread_ts": AT, "reply_count": 2}, None),  # others replied to it, in a history
        ({"app_context": {}}, AT),
        ({"thread_ts": 7}, None),
    ],
)
def test_a_reply_in_a_thread_is_addressed_to_the_thread(more: dict[str, Any], thread: str | None) -> None:
    assert read(told(**more), "D1").origin.address == Address("slack", "D1", thread)


@pytest.mark.parametrize(
    ("channel", "text", "more", "aim"),
    [
        ("D1", "<@UBOB>", {}, Aim.AT_US),
        ("C1", "hello", {}, Aim.AT_ALL),
        ("C1", "is <@UBOT> here", {}, Aim.AT_US),
        ("C1", "<@UBOB> and <@UBOT|memo>", {}, Aim.AT_US),
        ("C1", "<@UBOB> tea?", {}, Aim.AT_OTHERS),
        ("C1", "<!subteam^S1|@makers> tea?", {}, Aim.AT_OTHERS),
        ("C1", "<!here> <!channel> <!everyone>", {}, Aim.AT_ALL),
        ("C1", "and then?", {"thread_ts": "1.1", "parent_user_id": "UBOT"}, Aim.AT_US),
        ("C1", "<@UBOB> and then?", {"thread_ts": "1.1", "parent_user_id": "UBOT"}, Aim.AT_OTHERS),
        ("C1", "and then?", {"thread_ts": "1.1", "parent_user_id": "UBOB"}, Aim.AT_ALL),
        ("C1", "&lt;@UBOT&gt;", {}, Aim.AT_ALL),
    ],
)
def test_whom_it_is_for(channel: str, text: str, more: dict[str, Any], aim: Aim) -> None:
    assert read(told(text, **more), channel).aim is aim


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("<@UBOT> hello", "hello"),
        ("<@UBOT|memo>, hello", "hello"),
        ("hello <@UBOT>", "hello"),
        ("is <@UBOT> here?", "is @Memo here?"),
        ("<@UBOT>", "(mentions you without a word)"),
        (" ", ""),
        ("<@UBOB> and <@UEVE> and <@UEVE|eve>", "@Bob and @UEVE and @eve"),
        ("in <#C2|tea> and <#C3>", "in #tea and #C3"),
        ("<!here> <!channel> <!everyone>", "@here @channel @everyone"),
        ("<!subteam^S1|@makers> <!subteam^S1>", "@makers @subteam"),
        ("<!date^1^{date}|yesterday>", "yesterday"),
        ("see <https://example.org/a?b=1&amp;c=2>", "see https://example.org/a?b=1&c=2"),
        ("see <https://example.org|the page>", "see [the page](https://example.org)"),
        ("see <http://example.org|example.org>", "see example.org"),
        ("<mailto:a@example.org|a@example.org> <tel:+123|+123>", "a@example.org +123"),
        ("1 &lt; 2 &amp;&amp; 3 &gt; 2 &amp;lt;", "1 < 2 && 3 > 2 &lt;"),
        ("&lt;@UBOB&gt;", "<@UBOB>"),
        ("<<@UBOB>>", "<@Bob>"),
        ("<|> <> <!> <@> <#>", "@ @ #"),
    ],
)
def test_what_slack_marks_is_read_as_people_see_it(text: str, plain: str) -> None:
    assert read(told(text)).text == plain


@pytest.mark.parametrize("gap", [" ", "\n", "<", "<@", "<@UBOT", "<@UBOT|", "&lt;", "&lt;https://", "<@UBOT> "])
def test_a_long_text_of_any_kind_is_read_at_once(gap: str) -> None:
    text = f"a{gap * (40_000 // len(gap))}b"
    begun = time.process_time()
    read(told(text))
    message_of(text)
    assert time.process_time() - begun < 1


@pytest.mark.parametrize(
    ("more", "is_written"),
    [
        ({}, True),
        ({"subtype": "file_share"}, True),
        ({"subtype": "thread_broadcast"}, True),
        ({"subtype": "me_message"}, True),
        ({"subtype": "channel_join"}, False),
        ({"subtype": "message_changed"}, False),
        ({"subtype": "message_deleted"}, False),
        ({"subtype": "message_replied"}, False),
        ({"subtype": "something_new"}, False),
        ({"hidden": True}, False),
        ({"user": "UBOT"}, False),
        ({"user": "USLACKBOT"}, False),
        ({"bot_id": "B2"}, False),
        ({"bot_id": "B2", "user": "UROBOT"}, False),
        ({"bot_id": "B2", "subtype": "bot_message", "user": None}, False),
        ({"user": None}, False),
        ({"user": 7}, False),
        ({"user": "a/b"}, False),
    ],
)
def test_only_what_people_write_is_answered(more: dict[str, Any], is_written: bool) -> None:
    assert is_written_by_a_person(told(**more), ME, answers_bots=False) is is_written


@pytest.mark.parametrize(
    ("more", "is_answered"),
    [
        ({"bot_id": "B2", "user": "UROBOT"}, True),
        ({"bot_id": "B2", "subtype": "bot_message", "user": None}, True),
        ({"bot_id": "BBOT", "subtype": "bot_message", "user": None}, False),
        ({"bot_id": "BBOT", "user": "UBOT"}, False),
    ],
)
def test_other_bots_are_answered_where_that_is_wanted_and_never_itself(more: dict[str, Any], is_answered: bool) -> None:
    message = told(**more)
    assert is_written_by_a_person(message, ME, answers_bots=True) is is_answered
    if is_answered:
        assert read(message).origin.person.id


def test_files_come_with_it_but_not_those_that_are_gone() -> None:
    files = [
        {
            "id": "F1",
            "name": "tea.txt",
            "mimetype": "text/plain",
            "size": 7,
            "url_private": "u",
            "url_private_download": "d",
        },
        {"id": "F2", "mode": "tombstone"},
        {"id": "F3", "title": "Untitled", "url_private": "u3", "size": "large"},
        {"name": "no id"},
        "no file",
    ]
    shared = {"is_share": True, "text": "read it, <@UBOB>", "files": [{"id": "F4", "name": "x.md", "size": 1}]}
    preview = {"is_msg_unfurl": True, "text": "not this", "files": [{"id": "F5"}]}
    message = told("<@UBOT>", files=files, attachments=[shared, preview, None])
    inbound = read(message)
    assert [(file.id, file.name, file.size, file.url) for file in inbound.attachments] == [
        ("F1", "tea.txt", 7, "d"),
        ("F3", "Untitled", 0, "u3"),
        ("F4", "x.md", 1, ""),
    ]
    assert inbound.text == "[forwarded:] read it, @Bob"
    assert people_of(message) == ("UADA", "UBOT", "UBOB")
    assert read(told("<@UBOT>", files=files)).text == ""


@pytest.mark.parametrize(
    ("before", "after", "is_edit"),
    [
        (told("a"), told("b", edited={"user": "UADA", "ts": "2.0"}), True),
        (told("a"), told("a", attachments=[{"is_msg_unfurl": True, "text": "preview"}]), False),
        (told("a"), told("a", reply_count=1), False),
        (told("a", files=[{"id": "F1"}]), told("a", files=[{"id": "F1", "mode": "tombstone"}]), True),
        (told("a", user="UBOT"), told("b", user="UBOT"), False),
        (told("a"), told("b", subtype="tombstone", user="USLACKBOT"), False),
        ({}, told("b", edited={"user": "UADA", "ts": "2.0"}), True),
        ({}, told("b"), False),
        (told("a"), told("b", ts=None), False),
        (told("a"), "no message", False),
    ],
)
def test_only_what_people_change_is_an_edit(before: Any, after: Any, is_edit: bool) -> None:
    event = {"type": "message", "subtype": "message_changed", "message": after, "previous_message": before}
    assert (edited_in(event, ME) is not None) is is_edit


@pytest.mark.parametrize(
    ("event", "gone"),
    [
        ({"subtype": "message_deleted", "deleted_ts": AT, "previous_message": told()}, AT),
        ({"subtype": "message_deleted", "deleted_ts": None}, None),
        ({"subtype": "message_changed", "message": told(subtype="tombstone", user="USLACKBOT")}, AT),
        ({"subtype": "message_changed", "message": told()}, None),
        ({"message": 7}, None),
    ],
)
def test_a_deletion_names_the_message_that_is_gone(event: dict[str, Any], gone: str | None) -> None:
    assert deleted_in(event) == gone


# Every code point, lone surrogates too, and much of what means something to Slack or to us.
MARKUP = st.sampled_from(
    [
        *("<@UBOT>", "<@UBOB|bob>", "<#C1|tea>", "<!here>", "<!subteam^S1|@x>", "<", ">", "|", "&lt;", "&amp;amp;"),
        *("<https://example.org|x>", "<|im_end|>", "[INST]", '"', "\\", "{", "\n", "(1)", ":tada:"),
        *("\u202e", "\u2066", "\x00", "\ud800", "\udfff", "\u0301" * 200, "\u200b"),
    ]
)
TEXTS = st.lists(st.one_of(MARKUP, st.text(st.characters(codec=None), max_size=20)), max_size=12).map("".join)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@example("", "", "C1")
@example("<@UBOT>", "\ud800", "D1")
@given(TEXTS, TEXTS, st.sampled_from(["C1", "D1"]))
def test_any_text_and_any_name_come_in_as_an_envelope_that_says_who_wrote_it(
    text: str, name: str, channel: str
) -> None:
    inbound = inbound_of(told(f"<@UBOT> {text}"), channel, "Ev1", ME, {"UADA": name, "UBOB": name})
    assert inbound.origin.person.id == "UADA"
    assert inbound.aim is Aim.AT_US
    event = user_message(inbound)
    assert json.loads(json.dumps(event.origin))
    event.text.encode()
    kept = NewMessage(
        kind=Kind.USER_MESSAGE,
        created_at=datetime(2026, 3, 1, tzinfo=UTC),
        text=event.text,
        author_id="UADA",
        author_name=clean(inbound.origin.person.name),
    )
    fields = json.loads(envelope(kept, ZoneInfo("UTC"), text=event.text, names_speaker=True))
    assert fields["message"] == event.text
    assert fields["from"].endswith("(UADA)")
    assert fields["from"].count("(") == 1


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(
            "type subtype user bot_id text ts thread_ts files attachments edited message previous_message deleted_ts "
            "username hidden parent_user_id reply_count".split()
        ),
        ANYTHING,
    ),
    st.one_of(st.sampled_from(["C1", "D1", ""]), TEXTS),
)
def test_whatever_stands_in_an_event_breaks_nothing(event: dict[str, Any], channel: str) -> None:
    edited_in(event, ME)
    deleted_in(event)
    for answers_bots in (True, False):
        if is_readable(event, channel) and is_written_by_a_person(event, ME, answers_bots=answers_bots):
            people_of(event)
            user_message(inbound_of(event, channel, "Ev1", ME, {}))
