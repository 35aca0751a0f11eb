"""Letta's agent files: blocks, messages and passages come over, of both kinds of file that there were."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory.portable.agent_file import NO_RESULT, converted, is_agent_file
from memory.portable.records import BlockText, KeptMessage, KeptPassage, MalformedExport, Record, parse, to_line
from memory.ports import Kind

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
AT = "2025-10-31T22:56:56.459100+00:00"


def message(id_: str, role: str, text: str | None = None, **more: Any) -> dict[str, Any]:
    content = [{"type": "text", "text": text, "signature": None}] if text is not None else []
    return {
        "type": "message",
        "id": id_,
        "role": role,
        "content": content,
        "created_at": AT,
        "tool_calls": None,
        **more,
    }


def call(id_: str, name: str, **arguments: Any) -> dict[str, Any]:
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}


def block(id_: str, label: str, value: str) -> dict[str, Any]:
    return {"id": id_, "label": label, "value": value, "limit": 20000, "read_only": False, "metadata": {}}


def of_today(messages: list[dict[str, Any]], *, agent_type: str = "memgpt_v2_agent", **more: Any) -> dict[str, Any]:
    """A file as `letta/schemas/agent_file.py` has it."""
    agent = {
        "id": "agent-0",
        "name": "Sam",
        "agent_type": agent_type,
        "system": "You are Letta.",
        "block_ids": ["block-0", "block-1"],
        "memory_blocks": [],
        "messages": messages,
        "in_context_message_ids": [each["id"] for each in messages],
        "tool_ids": ["tool-0"],
        "files_agents": [],
    }
    blocks = [block("block-0", "human", "\nFirst name: Chad\n"), block("block-1", "persona", "I am Sam.")]
    rest = {"groups": [], "files": [], "sources": [], "tools": [{"id": "tool-0", "name": "x"}], "mcp_servers": []}
    return {"agents": [agent | more], "blocks": blocks, **rest, "metadata": {}, "created_at": AT}


CONVERSATION = [
    message("message-0", "system", "You are Letta."),
    message("message-1", "user", json.dumps({"type": "login", "last_login": "never", "time": "now"})),
    message("message-2", "user", json.dumps({"type": "user_message", "message": "I like figs", "time": "now"})),
    message(
        "message-3",
        "assistant",
        "They like figs.",
        tool_calls=[call("call_1", "core_memory_append", label="human", content="Likes figs")],
    ),
    message("message-4", "tool", json.dumps({"status": "OK", "message": "None"}), tool_call_id="call_1"),
    message("message-5", "assistant", "Say so.", tool_calls=[call("call_2", "send_message", message="Noted!")]),
    message("message-6", "tool", json.dumps({"status": "OK"}), tool_call_id="call_2"),
    message("message-7", "user", "plain words", name="chad"),
    message("message-8", "assistant", "plain answer"),
]


def records_of(written: dict[str, Any]) -> list[Record]:
    """What comes of a file, as an import reads it."""
    agent = converted(written, NOW)
    return list(parse(map(to_line, agent.records(f"console:dm:{agent.name}"))))


def messages_of(written: dict[str, Any]) -> list[KeptMessage]:
    return [record for record in records_of(written) if isinstance(record, KeptMessage)]


def test_blocks_come_in_our_order_and_none_is_missing() -> None:
    blocks = [record for record in records_of(of_today([])) if isinstance(record, BlockText)]
    assert [(it.label, it.value) for it in blocks] == [("persona", "I am Sam."), ("human", "First name: Chad")]
    bare = {"agents": [{"name": "", "block_ids": ["b"]}], "blocks": [{"id": "b", "label": "<a>", "value": None}]}
    blocks = [record for record in records_of(bare) if isinstance(record, BlockText)]
    assert [it.label for it in blocks] == ["persona", "human", "_a_"]


def test_a_conversation_is_what_was_said_thought_called_and_found() -> None:
    kept = messages_of(of_today(CONVERSATION))
    assert [(it.kind, it.text, it.thoughts) for it in kept][1:] == [
        (Kind.USER_MESSAGE, "I like figs", None),
        (Kind.ASSISTANT, None, "They like figs."),
        (Kind.TOOL_RESULT, '{"status": "OK", "message": "None"}', None),
        (Kind.ASSISTANT, "Noted!", "Say so."),
        (Kind.TOOL_RESULT, '{"status": "OK"}', None),
        (Kind.USER_MESSAGE, "plain words", None),
        (Kind.ASSISTANT, "plain answer", None),
    ]
    assert kept[0].kind is Kind.LOGIN
    assert [it.turn_id for it in kept] == [1, 2, 2, 2, 2, 2, 7, 7]
    assert not any(it.evicted for it in kept)
    assert kept[2].tool_uses[0].name == "core_memory_append"
    assert kept[6].author_name == "chad"
    assert all(it.created_at == datetime.fromisoformat(AT) for it in kept)


def test_an_agent_of_the_newest_kind_says_what_stands_beside_its_calls() -> None:
    said = [
        message("message-0", "user", "Hello"),
        message(
            "message-1",
            "assistant",
            tool_calls=[call("call_1", "conversation_search", query="figs")],
            content=[{"type": "reasoning", "reasoning": "Let me look."}, {"type": "text", "text": "One moment."}],
        ),
        message(
            "message-2",
            "tool",
            tool_call_id="call_1",
            tool_returns=[{"tool_call_id": "call_1", "status": "success", "func_response": "nothing"}],
        ),
    ]
    kept = messages_of(of_today(said, agent_type="letta_v1_agent"))
    assert (kept[1].text, kept[1].thoughts) == ("One moment.", "Let me look.")
    assert [(it.tool_use_id, it.text) for it in kept[2:]] == [("call_1", "nothing")]


def test_a_call_and_its_result_are_never_alone() -> None:
    said = [
        message("message-0", "tool", "of what?", tool_call_id="call_0"),
        message("message-1", "user", "Hello"),
        message("message-2", "assistant", tool_calls=[call("call_1", "x"), call("call_2", "y")]),
        message("message-3", "tool", "y came", tool_call_id="call_2"),
        message("message-4", "tool", "twice", tool_call_id="call_2"),
        message("message-5", "user", "Well?"),
        message("message-6", "assistant", tool_calls=[call("call_3", "z")]),
    ]
    kept = messages_of(of_today(said))
    results = [(it.tool_use_id, it.text) for it in kept if it.kind is Kind.TOOL_RESULT]
    assert results == [("call_2", "y came"), ("call_1", NO_RESULT), ("call_3", NO_RESULT)]


def test_what_is_out_of_its_context_is_out_of_the_queue() -> None:
    ids = [each["id"] for each in CONVERSATION]
    kept = messages_of(of_today(CONVERSATION, in_context_message_ids=["message-0", *ids[7:]]))
    assert [it.evicted for it in kept] == [True] * 6 + [False] * 2
    first = [message("message-0", "assistant", "I begin"), message("message-1", "user", "Hello")]
    assert [it.evicted for it in messages_of(of_today(first))] == [True, False], "a queue begins with an event"


def test_the_older_kind_of_file_is_one_agent() -> None:
    older = {
        "agent_type": "memgpt_agent",
        "name": "older",
        "core_memory": [{"label": "human", "value": "Chad"}, {"label": "persona", "value": "Sam"}],
        "in_context_message_indices": [0, 1],
        "messages": [
            {"role": "system", "content": [{"type": "text", "text": "x"}], "created_at": AT},
            {"role": "user", "content": [{"type": "text", "text": "Hello"}], "created_at": "2025-10-31T22:56:56"},
            {"role": "assistant", "content": [{"type": "text", "text": "Hi"}], "created_at": AT, "tool_calls": []},
        ],
        "system": "x",
        "version": "0.6.47",
    }
    assert is_agent_file(older)
    kept = messages_of(older)
    assert [(it.text, it.evicted) for it in kept] == [("Hello", False), ("Hi", True)]
    assert kept[0].created_at.tzinfo is not None
    assert converted(older, NOW).name == "older"


def test_passages_are_taken_where_they_are_given() -> None:
    file = of_today([], passages=[{"text": "Own", "tags": ["a"], "created_at": AT}])
    file["passages"] = [{"text": "Shared"}, {"text": "Of another", "agent_id": "agent-9"}]
    notes = [record for record in records_of(file) if isinstance(record, KeptPassage)]
    assert [(it.content, it.tags, it.created_at) for it in notes] == [
        ("Own", ("a",), datetime.fromisoformat(AT)),
        ("Shared", (), NOW),
    ]


def test_of_several_agents_it_is_the_one_that_people_talk_to() -> None:
    file = of_today([])
    file["agents"].insert(0, {"name": "asleep", "agent_type": "sleeptime_agent"})
    assert converted(file, NOW).name == "Sam"


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ({"agents": []}, r"agents: .*at least 1"),
        ({"agents": [{"name": 7}]}, r"agents\.0\.name"),
        ({"agents": [{"messages": [{"content": "no role"}]}]}, r"agents\.0\.messages\.0\.role"),
        ({"core_memory": "x"}, r"agents\.0\.core_memory"),
    ],
)
def test_what_is_wrong_is_named(written: dict[str, Any], told: str) -> None:
    with pytest.raises(MalformedExport, match=rf"no agent file of Letta's: {told}"):
        converted(written, NOW)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
ROLES = st.sampled_from(["system", "user", "assistant", "tool", "approval", "other"])
IDS = st.sampled_from(["a", "b", "c"])
CALLS = st.lists(st.builds(call, IDS, st.sampled_from(["send_message", "x"]), message=ANYTHING), max_size=3)
MESSAGES = st.lists(
    st.builds(
        lambda role, text, calls, id_, content: message(
            "m", role, text, tool_calls=calls, tool_call_id=id_, **({"content": content} if text is None else {})
        ),
        ROLES,
        st.none() | st.text(max_size=20),
        st.none() | CALLS,
        st.none() | IDS,
        ANYTHING,
    ),
    max_size=8,
)


@settings(max_examples=150, deadline=None)
@given(said=MESSAGES)
def test_whatever_was_said_can_be_imported(said: list[dict[str, Any]]) -> None:
    kept = messages_of(of_today(said))
    awaited: list[str] = []
    for it in kept:
        if it.kind is Kind.TOOL_RESULT:
            assert it.tool_use_id in awaited
            awaited.remove(it.tool_use_id or "")
        else:
            assert not awaited
            awaited = list(dict.fromkeys(use.id for use in it.tool_uses))
    assert not awaited
