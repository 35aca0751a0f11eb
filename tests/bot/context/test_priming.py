"""Summaries that are lists of statements, and the primers that stay of each eviction in the archive."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.models.openai_model import OpenAIModel
from adapters.models.token_counter import BpeTokenCounter
from adapters.ports.messages import Aim, MessageChange
from adapters.testing import Reply, Request, ScriptedServer, answer, fails, says
from bot.context.lookup_hints import Find, parted
from bot.context.priming import PrimingSummarizer, renewed, stated
from bot.context.summary import Folded
from bot.context.window import Window
from bot.memory_rights.expiry import Expiry
from bot.testing import Bot, direct, in_channel, open_bot
from config.words import prompt
from memory.overview import Overview
from memory.people.channels import Mode
from memory.portable.records import KeptPassage
from memory.ports import Kind, Message, PassageKind
from memory.search.words import query_words

COUNTER = BpeTokenCounter()
WINDOW = Window(4096, 1000, 1400)
UTC_ZONE = ZoneInfo("UTC")
LONG = "I went to the market and bought apples, pears and a loaf of bread, then I met a friend. "


def said(number: int, text: str, day: int = 1) -> Message:
    moment = datetime(2026, 3, day, tzinfo=UTC)
    return Message(id=number, turn_id=number, kind=Kind.USER_MESSAGE, created_at=moment, text=text, author_name="Ada")


def looking_in(messages: Sequence[Message]) -> Find:
    async def find(term: str) -> Sequence[Message]:
        return [message for message in messages if any(word in message.text.lower() for word in query_words(term))]

    return find


async def fold(
    script: list[Reply] | Callable[[Request], Reply], summary: str, texts: list[str]
) -> tuple[Folded, list[Request]]:
    async with ScriptedServer(script) as server:
        model = OpenAIModel("m", api_key=None, base_url=server.url, context_window=4096, timeout_s=5)
        summarizer = PrimingSummarizer(model, prompt("summarize_spr"), COUNTER, WINDOW)
        messages = [said(number, text) for number, text in enumerate(texts, 1)]
        folded = await summarizer.fold(summary, messages, UTC_ZONE, looking_in(messages))
        await model.close()
        return folded, server.requests


async def test_new_statements_stand_behind_the_earlier_ones_and_are_a_primer_of_their_own() -> None:
    written = answer("* Ada moves to Porto on 2026-05-03.\n2. Ada likes figs.\n\nLook up: Porto")
    folded, (request,) = await fold([written], "- Ada lives in Lisbon.", ["I move to Porto on 3 May", "I like figs"])
    assert folded.summary == (
        "- Ada lives in Lisbon.\n- Ada moves to Porto on 2026-05-03.\n- Ada likes figs.\nLook up: Porto"
    )
    assert folded.primer is not None
    assert folded.primer.newest_message_id == 2
    assert folded.primer.content == (
        "What was said from 2026-03-01 to 2026-03-01 (messages 1 to 2), in short:\n"
        "- Ada moves to Porto on 2026-05-03.\n- Ada likes figs."
    )
    assert "- Ada lives in Lisbon." in request["messages"][1]["content"]


async def test_much_is_stated_in_chunks_each_knowing_what_was_stated_before() -> None:
    texts = [f"Message {number}: " + "a long story " * 100 for number in range(30)]
    count = 0

    def reply(request: Request) -> Reply:
        nonlocal count
        count += 1
        return answer(f"- Statement {count}.")

    folded, requests = await fold(reply, "", texts)
    assert len(requests) == count > 1
    assert folded.summary.partition("\nLook up")[0].splitlines() == [f"- Statement {n + 1}." for n in range(count)]
    assert f"- Statement {count - 1}." in requests[-1]["messages"][1]["content"]


@pytest.mark.parametrize(
    "unusable", [fails(401), answer(None), answer("and so on " * 9000), answer("<think>Hm.")], ids=str
)
async def test_without_the_model_telling_sentences_are_the_statements(unusable: Reply) -> None:
    texts = [
        "Ok! Well, my order number is QX-77/b. How are you?",
        "haha",
        "Oh, we met Lena Bergström there. It was nice.",
    ]
    folded, _ = await fold(lambda request: unusable, "- Ada has a dog.", texts)
    body, _ = parted(folded.summary)
    assert body.splitlines() == [
        "- Ada has a dog.",
        "- 2026-03-01 Ada: my order number is QX-77/b.",
        "- Ada: we met Lena Bergström there.",
    ]
    assert folded.primer is not None


async def test_what_was_stated_before_the_model_failed_stays() -> None:
    texts = [f"My number {number} is this: " + "a long story " * 140 for number in range(12)]
    folded, requests = await fold([answer("- Ada told stories."), fails(401)], "", texts)
    assert len(requests) == 2
    assert folded.summary.startswith("- Ada told stories.\n")
    assert "My number 11" in folded.summary


async def test_where_nothing_telling_was_said_there_is_no_primer() -> None:
    folded, _ = await fold(lambda request: fails(401), "", ["ok", "haha"])
    assert folded == Folded("", None)


@given(
    st.lists(
        st.lists(st.text(max_size=300) | st.sampled_from(["I am 7. " * 90, "長い話 7。" * 90]), max_size=5), max_size=6
    )
)
def test_the_statements_stay_in_their_room_and_the_newest_stay_longest(folds: list[list[str]]) -> None:
    summarizer, summary = PrimingSummarizer(None, prompt("summarize_spr"), COUNTER, WINDOW), ""
    for texts in folds:
        evicted = [said(number, text) for number, text in enumerate(texts, 1)]
        folded = summarizer.extract(summary, evicted, UTC_ZONE)
        assert COUNTER.count(folded.summary) <= WINDOW.room.summary
        if folded.primer is not None and (last := folded.primer.content.splitlines()[-1]) and len(last) < 100:
            assert folded.summary.splitlines()[-1] == last
        summary = folded.summary


def test_a_statement_that_is_made_again_stands_once_and_last() -> None:
    assert stated(["- One.", "", "  * Two", "1) one.", "---"]) == ("one.", "Two")
    assert renewed(("One.", "Two."), ("Three.", "one.")) == ("Two.", "Three.", "one.")


# ── in a bot ─────────────────────────────────────────────────────────────────────────────────────────


def settings(server: ScriptedServer, style: str = "spr") -> dict[str, Any]:
    more = {"llm_context_window": 4096, "memory_summary_style": style}
    return {"llm_model": "m", "openai_base_url": server.url, **more}


def talks(request: Request) -> Reply:
    """A model that chats, and states what messages say of parcels."""
    last = str(request["messages"][-1]["content"])
    if last.endswith("The new summary:"):
        parcels = [line.partition("Parcel ")[2].split()[0] for line in last.splitlines() if "Parcel " in line]
        new = [parcel for parcel in parcels if f"- Parcel {parcel} came." not in last]
        return answer("\n".join(f"- Parcel {parcel} came." for parcel in new) or None)
    return says("How nice! What else? " * 4)


async def primers(bot: Bot, **whose: str) -> list[str]:
    return [
        record.content
        for record in await bot.kept(**whose)
        if isinstance(record, KeptPassage) and record.kind is PassageKind.PRIMER
    ]


async def parcels_come(bot: Bot, numbers: range) -> None:
    for number in numbers:
        await bot.say(f"Parcel QX-{number:03} has come. {LONG * 3}")


async def test_each_eviction_leaves_a_primer_that_a_search_finds(tmp_path: Path) -> None:
    async with ScriptedServer(talks) as server, open_bot(tmp_path, **settings(server)) as bot:
        await parcels_come(bot, range(20))
        kept = await primers(bot)
        assert len(kept) > 1
        assert sum("- Parcel QX-000 came." in primer for primer in kept) == 1
        assert "QX-000" in await bot.command("search QX-000")
        shown = await bot.command("status")
        assert "and 0 notes" in shown
        assert "QX-" in parted((await bot.agent()).summary)[0]
        assert "Nothing has changed" in await bot.command("memory changes")
        assert await bot.command("undo") == "There is nothing to undo."
        finds = answer(None, ("archival_memory_search", {"query": "QX-000", "request_heartbeat": True}))
        server._script = iter([finds, says("Yes.")])
        await bot.say("Did it come?")
        hit = json.loads(str(server.requests[-1]["messages"][-1]["content"]))["results"][0]
        assert set(hit) >= {"id", "time", "text"}
        assert not {"tags", "from_message"} & set(hit)


async def test_a_turn_taken_back_takes_its_primer_along(tmp_path: Path) -> None:
    async with ScriptedServer(talks) as server, open_bot(tmp_path, **settings(server)) as bot:
        states = [await bot.kept()]
        for number in range(24):
            await parcels_come(bot, range(number, number + 1))
            states.append(await bot.kept())
        assert len(await primers(bot)) > 1
        for count in (1, 3, 8, 8):
            del states[-count:]
            await bot.in_chat(f"pop {count}")
            assert await bot.kept() == states[-1]


async def test_a_primer_goes_with_a_deleted_message_and_is_made_anew_without_it(tmp_path: Path) -> None:
    async with ScriptedServer(talks) as server, open_bot(tmp_path, **settings(server)) as bot:
        for number in range(16):
            text = f"Parcel QX-{number:03} has come. {LONG * 3}"
            message = in_channel(text, bot.clock(), message_id=f"m{number}")
            await (await bot.app.receiver.receive(message))
            await bot.app.lanes.idle()
        assert any("QX-001" in primer for primer in await primers(bot, channel="general"))
        await bot.app.changes.change("console", MessageChange(None, ("m1",), None))
        await bot.app.changes.tidy()
        assert not any("QX-001" in primer for primer in await primers(bot, channel="general"))
        await bot.write("And?")
        kept = "\n".join(await primers(bot, channel="general"))
        assert "QX-000" in kept
        assert "QX-001" not in kept
        assert "QX-002" in kept


async def test_what_is_too_old_goes_from_the_primers_as_well(tmp_path: Path) -> None:
    async with ScriptedServer(talks) as server, open_bot(tmp_path, **settings(server)) as bot:
        await parcels_come(bot, range(10))
        bot.clock.advance(days=30)
        await parcels_come(bot, range(10, 26))
        assert any("QX-000" in primer for primer in await primers(bot))
        bot.clock.advance(hours=1)
        kept = {"dm": timedelta(days=30)}
        assert await Expiry(Overview(bot.app.stores.database), bot.app.changes, kept, bot.clock).expire() > 0
        assert not any("QX-00" in primer for primer in await primers(bot))
        await bot.say("And?")
        left = "\n".join(await primers(bot))
        assert "QX-00" not in left
        assert "QX-010" in left


async def test_a_reset_of_the_conversation_takes_the_primers_along(tmp_path: Path) -> None:
    async with ScriptedServer(talks) as server, open_bot(tmp_path, **settings(server)) as bot:
        await parcels_come(bot, range(12))
        assert await primers(bot)
        await bot.in_chat("save before")
        kept = await primers(bot)
        await bot.give(direct("ada"), "reset conversation", confirms=True)
        assert await primers(bot) == []
        await bot.in_chat("restore before")
        assert await primers(bot) == kept


async def test_of_what_a_narrative_tells_a_reflection_makes_the_primers(tmp_path: Path) -> None:
    def reply(request: Request) -> Reply:
        if "tidies its memory" in str(request["messages"][0]["content"]):
            return answer(None, ("stay_silent", {"reason": "done"}))
        if "sparse priming" not in str(request["messages"][0]["content"]):
            return answer("They talked.") if "tools" not in request else talks(request)
        return talks(request)

    async with ScriptedServer(reply) as server, open_bot(tmp_path, **settings(server, "narrative")) as bot:
        await parcels_come(bot, range(14))
        assert (await bot.agent()).summary.startswith("They talked.")
        assert await primers(bot) == []
        await bot.in_chat("reflect")
        (primer,) = await primers(bot)
        assert "- Parcel QX-000 came." in primer
        asked = len(server.requests)
        await bot.in_chat("reflect")
        assert len(server.requests) == asked + 1  # the primer is not made again
        assert len(await primers(bot)) == 1
        await parcels_come(bot, range(14, 24))
        await bot.in_chat("reflect")
        first, second = await primers(bot)
        assert first == primer
        assert "QX-000" not in second


async def test_what_is_only_heard_is_primed_by_code_and_shown_to_nobody_else(tmp_path: Path) -> None:
    async with ScriptedServer(lambda request: says("Yes.")) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.choose_mode(Mode.LISTEN)
        await bot.write("Hello")
        asked = len(server.requests)
        for number in range(30):
            await bot.write(f"Parcel QX-{number:03} has come. {LONG * 3}", person="bob", aim=Aim.AT_ALL)
        assert len(server.requests) == asked
        assert any("bob" in primer.lower() and "QX-001" in primer for primer in await primers(bot, channel="general"))
        assert "QX-001" in await bot.command("search QX-001", person="bob", channel="general")
        assert "QX-001" not in await bot.command("search QX-001", person="ada", channel="general")
