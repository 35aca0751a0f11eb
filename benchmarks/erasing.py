"""Erasing somebody of 100,000 messages while others are served: `python -m benchmarks.erasing [--messages 100000]`.

Nine tenths of the messages stand in their direct conversation, the others in two channels among those of three people.
Two hundred canaries (words that nobody else says) are planted wherever something of them is kept. While they are
erased, another person writes without pause; a message is measured until its reply. Afterwards no canary may sit in the
raw bytes of any file below the data directory, neither beside the running bot nor after its end.
"""

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from benchmarks.figures import Figure, report
from benchmarks.model_server import model_server
from benchmarks.recall_scale import Language
from bot.scopes import scope_of
from bot.testing import Bot, Clock, among_many, direct, in_channel, open_bot
from memory.archival.chunks import Piece
from memory.archival.message_documents import MessageDocuments
from memory.ports import BlockEdit, Kind, NewMessage, NewPassage

MESSAGES = 100_000
OTHERS = 20_000
NOTES, NOTES_OF_OTHERS = 500, 1_500
CANARIES = 200
AT_ONCE = 500
NOBODY_WAITS_S = 1.0
LONGEST_S = 2.0
ALONE_S = 2.0
CHANNELS = ("general", "random")


async def figures(messages: int = MESSAGES, others: int = OTHERS, notes: int = NOTES_OF_OTHERS) -> list[Figure]:
    """Measure."""
    language, chance = Language(), random.Random(11)
    canaries = [f"canary{chance.getrandbits(48):012x}" for _ in range(CANARIES)]
    with tempfile.TemporaryDirectory() as folder:
        data, clock = Path(folder) / "data", Clock()
        async with model_server() as url:
            async with open_bot(data, clock=clock, llm_model="m", openai_base_url=url) as bot:
                await _fill(bot, language, messages, others, notes, canaries)
            planted = await asyncio.to_thread(_holding, data, canaries)
            async with open_bot(data, clock=clock, llm_model="m", openai_base_url=url) as bot:
                alone, _ = await _serve_others(bot, until=asyncio.create_task(asyncio.sleep(ALONE_S)))
                begun = time.perf_counter()
                erasing = asyncio.create_task(bot.command("erase-me erase me"))
                directly, there = await _serve_others(bot, until=erasing)
                took = time.perf_counter() - begun
                receipt = erasing.result()
                left = await asyncio.to_thread(_holding, data, canaries)
            left_after = await asyncio.to_thread(_holding, data, canaries)
    beside = [*directly, *there]
    print(f"  planted: {len(planted)} canaries; alone {_told(alone)}")
    print(f"  meanwhile directly {_told(directly)}; in a channel {_told(there)}")
    print("  " + receipt.replace("\n", "\n  "))
    return [
        Figure("canaries that were planted and could be found", len(planted), "canaries", CANARIES, at_least=True),
        Figure(f"erase-me of {messages:,} messages", took, "s", 30),
        Figure("others' messages meanwhile, p95 to the reply", _p95(beside), "s", NOBODY_WAITS_S),
        Figure("the longest of them in direct messages", max(directly), "s", LONGEST_S),
        Figure("canaries in any file beside the running bot", len(left), "canaries", 0),
        Figure("canaries in any file after its end", len(left_after), "canaries", 0),
        Figure("receipts that say that nothing was found", "Found: nothing" in receipt, "receipts", 1, at_least=True),
    ]


# ── what is there ────────────────────────────────────────────────────────────────────────────────────


async def _fill(
    bot: Bot, language: Language, messages: int, of_others: int, notes_of_others: int, canaries: Sequence[str]
) -> None:
    """Ada's conversation and notes, what others say, and the canaries: of ten, seven in messages."""
    planted = iter(canaries)
    own, others = await _agent(bot, direct("ada")), await _agent(bot, direct("bob"))
    in_messages = [next(planted) for _ in range(CANARIES * 7 // 10)]
    in_dm, there = in_messages[: len(in_messages) // 2], in_messages[len(in_messages) // 2 :]
    await _talk(bot, language, own, ["ada"], messages * 9 // 10, in_dm)
    await _talk(bot, language, others, ["bob"], of_others, ())
    for number, name in enumerate(CHANNELS):
        agent = await _agent(bot, among_many("ada", name))
        some = there[number :: len(CHANNELS)]
        await _talk(bot, language, agent, ["ada", "bob", "carol"], messages // 10 // len(CHANNELS) * 3, some)
        await _note(bot, agent, "channel", [next(planted)], source=await _of_ada(bot, agent))
        await _note(bot, agent, "person:ada", [next(planted)], source=None)
    await _note(bot, own, "human", [next(planted) for _ in range(6)], source=None)
    notes = [next(planted) for _ in range(20)]
    await _keep_notes(bot, language, own, NOTES, notes)
    await _keep_notes(bot, language, others, notes_of_others, ())
    pieces = [Piece(f"{language.sentence()} {canary}", canary, 1) for canary in planted]
    kept = MessageDocuments(bot.app.stores.database, bot.clock)
    await kept.keep(own, "files of ada", "letter.txt", "0" * 64, pieces, "m1", lambda: None)
    await bot.app.shelves.recall.catch_up()
    await bot.app.shelves.archival.index_pending()
    await bot.in_chat("save monday")
    await bot.app.stores.database.truncate_log()


async def _agent(bot: Bot, origin: object) -> int:
    await bot.write_at(origin, "Hello")  # type: ignore[arg-type]
    found = await bot.app.agents.id_of(scope_of(origin))  # type: ignore[arg-type]
    assert found is not None
    return found


async def _talk(
    bot: Bot, language: Language, agent_id: int, people: Sequence[str], count: int, canaries: Sequence[str]
) -> None:
    """So many messages, of people in turn and the agent; Ada says the canaries, and the agent repeats them."""
    planted, begun = list(canaries), bot.clock() - timedelta(days=1)
    recall = bot.app.shelves.recall
    for begin in range(0, count, AT_ONCE):
        async with bot.app.stores.database.write() as transaction:
            for at in range(begin, min(count, begin + AT_ONCE), 2):
                person, said = people[at // 2 % len(people)], language.sentence()
                if person == "ada" and planted:
                    said = f"{said} {planted.pop()}"
                moment = begun + timedelta(seconds=at / 10)
                wrote = NewMessage(
                    kind=Kind.USER_MESSAGE,
                    created_at=moment,
                    text=said,
                    author_id=person,
                    author_name=person.capitalize(),
                )
                replied = NewMessage(kind=Kind.ASSISTANT, created_at=moment, text=f"You say: {said}")
                turn = await recall.append(transaction, agent_id, None, [wrote, replied])
                await recall.evict(transaction, agent_id, [message.id for message in turn])
    assert not planted, "there were too few messages of Ada's"


async def _of_ada(bot: Bot, agent_id: int) -> int:
    return max(await bot.app.shelves.recall.ids_of(agent_id, "ada"))


async def _note(bot: Bot, agent_id: int, label: str, canaries: Sequence[str], *, source: int | None) -> None:
    """Lines of core memory."""
    value = "\n".join(f"It is {canary}." for canary in canaries)
    edit = BlockEdit(label, "", value, "agent", "core_memory_append", source, bot.clock())
    async with bot.app.stores.database.write() as transaction:
        await bot.app.shelves.agents.save_edits(transaction, agent_id, [edit])


async def _keep_notes(bot: Bot, language: Language, agent_id: int, count: int, canaries: Sequence[str]) -> None:
    planted = list(canaries)
    notes = [
        NewPassage(
            content=f"{language.sentence()} {planted.pop() if planted else ''}",
            tags=(),
            source_message_id=None,
            created_at=bot.clock(),
        )
        for _ in range(count)
    ]
    for begin in range(0, count, AT_ONCE):
        async with bot.app.stores.database.write() as transaction:
            await bot.app.shelves.archival.insert(transaction, agent_id, notes[begin : begin + AT_ONCE])


# ── what is measured ─────────────────────────────────────────────────────────────────────────────────


async def _serve_others(bot: Bot, until: "asyncio.Task[object]") -> tuple[list[float], list[float]]:
    """Another person writes, directly and in a channel, message after message; the seconds of each.

    One of those in the channel waits until its summary was made anew, by the model.
    """

    async def write_there() -> None:
        await (await bot.app.receiver.receive(in_channel("Good morning", bot.clock(), "bob")))

    directly, there = list[float](), list[float]()
    while not until.done():
        for took, write in ((directly, bot.say("Good morning", person="bob")), (there, write_there())):
            begun = time.perf_counter()
            await write
            took.append(time.perf_counter() - begun)
        await asyncio.sleep(0.05)
    return directly, there


def _holding(folder: Path, canaries: Sequence[str]) -> set[str]:
    """The canaries that sit in any file below a folder."""
    contents = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    return {canary for canary in canaries if any(canary.encode() in content for content in contents)}


def _p95(values: Sequence[float]) -> float:
    return sorted(values)[int(0.95 * (len(values) - 1))]


def _told(values: Sequence[float]) -> str:
    return f"{len(values)} messages, p95 {_p95(values):.2f} s, longest {max(values):.2f} s"


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.erasing")
    parser.add_argument("--messages", type=int, default=MESSAGES)
    report(asyncio.run(figures(parser.parse_args().messages)))


if __name__ == "__main__":
    main()
