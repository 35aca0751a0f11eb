"""`python -m tests.adapters.command_transcripts --write`: what every command answers, for docs/commands.md.

A play in front of two real bots, one on a Discord and one on a Slack that are none. Where both say the same it stands
there once. Times, ids and counts of tokens are always the same few, so that the page changes only when the bot does.
"""

import argparse
import asyncio
import re
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from adapters.testing import Reply, Request, answer, says
from tests.every_command import COMMANDS
from tests.platforms.discord import transcript as discord_text
from tests.platforms.discord.served import serving as serving_discord
from tests.platforms.discord.things import Message as DiscordMessage
from tests.platforms.discord.world import World as DiscordWorld
from tests.platforms.slack import transcript as slack_text
from tests.platforms.slack.served import QuickPlatform
from tests.platforms.slack.served import serving as serving_slack
from tests.platforms.slack.things import Message as SlackMessage
from tests.platforms.slack.world import World as SlackWorld

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"
BEGIN, END = "<!-- transcripts: begin -->", "<!-- transcripts: end -->"

HELLO = "Hello! I live in Lisbon. Remind me to water the plants."
"""What Ada writes first; Bob writes `THERE` in the channel."""
THERE = "We meet on Friday at eight."
YES = "Yes, do it"
MOST_LINES = 12


@dataclass(frozen=True, slots=True)
class Line:
    """A command, by whom, where; and the button that they press then. `{bob}` is how Bob is named."""

    who: str
    where: str
    command: str
    argument: str = ""
    presses: str | None = None

    @property
    def typed(self) -> str:
        """As the person sees it, with Bob by his name."""
        return f"/agent {self.command} {self.argument}".strip().replace("{bob}", "@Bob")


DIRECT, CHANNEL = "direct", "#general"
MEMBER, MODERATOR, OWNER = "Ada", "Mo", "Olga"

PLAY: Sequence[Line] = (
    Line(MEMBER, DIRECT, "help"),
    Line(MODERATOR, CHANNEL, "help"),
    Line(MEMBER, DIRECT, "memory"),
    Line(MEMBER, CHANNEL, "memory"),
    Line(MEMBER, DIRECT, "memory", "sources"),
    Line(MEMBER, DIRECT, "memory", "changes"),
    Line(MEMBER, DIRECT, "search", "Lisbon"),
    Line(MEMBER, DIRECT, "remember", "I park on level 3"),
    Line(MODERATOR, CHANNEL, "remember", "We meet on Friday at eight"),
    Line(MEMBER, DIRECT, "edit", "human 2: I park on level 4"),
    Line(MEMBER, DIRECT, "undo"),
    Line(MEMBER, DIRECT, "forget", "Lisbon", "No"),
    Line(MEMBER, DIRECT, "export"),
    Line(MEMBER, DIRECT, "status"),
    Line(MEMBER, DIRECT, "timezone", "Europe/Lisbon"),
    Line(MEMBER, DIRECT, "persona"),
    Line(MEMBER, DIRECT, "persona", "coach"),
    Line(MEMBER, CHANNEL, "persona", "coach"),
    Line(MEMBER, DIRECT, "followups"),
    Line(MEMBER, DIRECT, "heartbeat"),
    Line(MEMBER, DIRECT, "heartbeat", "on"),
    Line(MEMBER, CHANNEL, "heartbeat", "on"),
    Line(MEMBER, DIRECT, "pause"),
    Line(MEMBER, DIRECT, "resume"),
    Line(MEMBER, CHANNEL, "pause"),
    Line(MEMBER, DIRECT, "reset", "conversation", YES),
    Line(MEMBER, DIRECT, "undo", "reset", YES),
    Line(MEMBER, CHANNEL, "reset", "everything"),
    Line(MODERATOR, CHANNEL, "admin mode"),
    Line(MODERATOR, CHANNEL, "admin mode", "listen"),
    Line(MEMBER, CHANNEL, "admin mode", "off"),
    Line(MODERATOR, CHANNEL, "admin inspect"),
    Line(MODERATOR, CHANNEL, "admin reset", "core memory", YES),
    Line(MODERATOR, CHANNEL, "admin undo", "", YES),
    Line(MODERATOR, CHANNEL, "admin undo", "{bob}"),
    Line(MODERATOR, CHANNEL, "admin budget"),
    Line(OWNER, DIRECT, "model"),
    Line(MEMBER, DIRECT, "model"),
    Line(OWNER, DIRECT, "admin agents"),
    Line(OWNER, DIRECT, "admin deny", "{bob}"),
    Line(OWNER, DIRECT, "admin allow", "{bob}"),
    Line(OWNER, DIRECT, "admin inspect", "{bob}"),
    Line(OWNER, DIRECT, "admin audit"),
    Line(MEMBER, DIRECT, "admin audit"),
    Line(MEMBER, DIRECT, "erase-me"),
    Line(MEMBER, DIRECT, "erase-me", "erase me"),
)


def think(request: Request) -> Reply:
    """The model's part."""
    last = request["messages"][-1]
    if "tools" not in request or last["role"] == "tool":
        return says("I will.")
    if HELLO in str(last["content"]):
        in_a_month = f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}T09:00+00:00"
        goes_on = {"request_heartbeat": True}
        return answer(
            None,
            ("core_memory_append", {"label": "human", "content": "Ada lives in Lisbon."} | goes_on),
            ("schedule_follow_up", {"when": in_a_month, "note": "Water the plants"} | goes_on),
        )
    return says("I see.")


# ── what is the same at any time ─────────────────────────────────────────────────────────────────────

_SAME = (
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(\+\d\d:\d\d|Z)?"), "2026-03-01T12:00:00+00:00"),
    (re.compile(r"https?://\S+?(?=[)\s]|$)"), "https://…"),
    (re.compile(r"\b\d[\d,]*(?= (?:of \d[\d,]* )?tokens)"), "120"),
    (re.compile(r"(?<=of )\d[\d,]*(?= tokens)"), "16,384"),
    (re.compile(r"\b\d+ %"), "5 %"),
    (re.compile(r"it is \d\d:\d\d there"), "it is 12:00 there"),
    (re.compile(r"\b\d[\d,]*(?= of them cached)"), "0"),
    (re.compile(r"\b\d[\d,]*(?= of answers)"), "24"),
    (re.compile(r"\b\d+ bytes"), "4096 bytes"),
    (re.compile(r"[█▓▒░·]{8,}"), "▓▓▒░····················"),
    (re.compile(r"^[█▓▒░·]+(?= )", re.MULTILINE), "▓"),
    (re.compile(r" {2,}(?=\S)"), "  "),
    (re.compile(r"in \d+ places \(every"), "in 34 places (every"),
)


def same(text: str, names: dict[str, str]) -> str:
    """A text with the ids of this run by names, and other times and numbers than the true ones."""
    for id_ in sorted(names, key=len, reverse=True):
        text = text.replace(id_, names[id_])
    for pattern, instead in _SAME:
        text = pattern.sub(instead, text)
    return re.sub(r"\b\d{17,20}\b", "501", text)


# ── the play ─────────────────────────────────────────────────────────────────────────────────────────

Give = Callable[[Line], Awaitable[list[str]]]


@dataclass
class Stage:
    """Where it is played: what gives a command and returns what is seen of it; and how ids are called."""

    give: Give
    names: dict[str, str]


@asynccontextmanager
async def on_discord(data_dir: Path) -> AsyncIterator[Stage]:
    """A server where Ada is a member."""
    async with DiscordWorld() as world:
        ada, mo, olga = (world.person(name) for name in (MEMBER, MODERATOR, OWNER))
        world.general.moderators.add(mo)
        people = {MEMBER: ada, MODERATOR: mo, OWNER: olga}
        async with serving_discord(world, data_dir, think, bot_owners=f"discord:{olga.id}"):
            await world.until(lambda: world.state.commands.get(None))
            for place, text in ((world.dm(ada), HELLO), (world.general, THERE)):
                who, calls = (ada, []) if text == HELLO else (world.bob, [world.bot])
                asked = await world.says(who, place, text, mentions=calls)
                await world.hears(place, after=asked)

            async def give(line: Line) -> list[str]:
                person = people[line.who]
                place = world.dm(person) if line.where == DIRECT else world.general
                seen = set(world.general.messages)
                name = COMMANDS[line.command].argument
                argument = line.argument.replace("{bob}", f"discord:{world.bob.id}")
                options = {name.lower(): argument} if name is not None and argument else {}
                asked = await world.answered(await world.slash(person, place, f"agent {line.command}", **options))
                await world.until(
                    lambda: asked.original is not None and not asked.original.flags & discord_text.LOADING
                )
                if line.command == "export":
                    await world.until(lambda: any(message.attachments for message in asked.followups))
                assert asked.original is not None
                shown = [line_ for message in (asked.original, *asked.followups) for line_ in lines(message)]
                if line.presses is not None:
                    asks = [it for it in (*asked.followups[::-1], asked.original) if it.components]
                    assert asks, shown
                    of = asks[0]
                    pressed = await world.clicks(person, of, line.presses)
                    if line.presses == YES:
                        await world.until(lambda: pressed.followups)
                        told = [text for message in pressed.followups for text in lines(message)]
                    else:
                        await world.until(lambda: not of.components)
                        told = lines(of)
                    shown += [f"({line.presses})", *told]
                announced = [it for id_, it in sorted(world.general.messages.items()) if id_ not in seen]
                for message in announced:
                    if message.visible_to is None and message.author is world.bot and line.where == CHANNEL:
                        shown += ["(to all in #general)", *lines(message)]
                return shown

            def lines(message: DiscordMessage) -> list[str]:
                text = discord_text.named(world.state, message.content).splitlines()
                controls = discord_text.controls_of(world.state, message.components)
                return [*text, *discord_text.files_of(message), *controls]

            ids = {str(who.id): number for number, who in enumerate((ada, world.bob, mo, olga), 1)}
            names = {id_: str(number) for id_, number in ids.items()}
            yield Stage(give, names | {str(world.guild.id): "17", str(world.general.id): "42"})


@asynccontextmanager
async def on_slack(data_dir: Path) -> AsyncIterator[Stage]:
    """A workspace where Ada is a member."""
    async with SlackWorld() as world:
        ada, olga = world.person(MEMBER), world.person(OWNER)
        mo = world.person(MODERATOR, is_admin=True)
        people = {MEMBER: ada, MODERATOR: mo, OWNER: olga}
        team = world.state.workspace.id
        async with serving_slack(
            world, data_dir, think, platform=QuickPlatform(world), bot_owners=f"slack:{team}/{olga.id}"
        ):
            for place, text in ((world.dm(ada), HELLO), (world.general, THERE)):
                who, calls = (ada, []) if text == HELLO else (world.bob, [world.bot])
                asked = await world.says(who, place, text, mentions=calls)
                await world.hears(place, after=asked)

            async def give(line: Line) -> list[str]:
                person = people[line.who]
                place = world.dm(person) if line.where == DIRECT else world.general
                seen = set(world.general.messages)
                argument = line.argument.replace("{bob}", f"slack:{team}/{world.bob.id}")
                asked = await world.answered(
                    await world.slash(person, place, f"/agent {line.command} {argument}".strip())
                )
                shown = [text for message in asked.answers for text in lines(message)]
                if line.presses is not None:
                    question, before = asked.answers[-1], lines(asked.answers[-1])
                    pressed = await world.clicks(person, question, line.presses)
                    if line.presses == YES:
                        await world.until(lambda: pressed.answers)
                        told = [text for it in pressed.answers for text in lines(it)]
                    else:
                        await world.until(lambda: lines(question) != before)
                        told = lines(question)
                    shown += [f"({line.presses})", *told]
                announced = [it for ts, it in sorted(world.general.messages.items()) if ts not in seen]
                for message in announced:
                    if message.visible_to is None and message.author is world.bot and line.where == CHANNEL:
                        shown += ["(to all in #general)", *lines(message)]
                return shown

            def lines(message: SlackMessage) -> list[str]:
                return list(slack_text.blocks_of(world.state, message.blocks))

            ids = {who.id: f"U{number}" for number, who in enumerate((ada, world.bob, mo, olga), 1)}
            yield Stage(give, ids | {team: "T1", world.general.id: "C42"})


async def played() -> list[tuple[Line, str, str]]:
    """Each command with what it answers on Discord, and on Slack."""
    with tempfile.TemporaryDirectory() as folder:
        found: list[list[str]] = []
        for name, stage in (("discord", on_discord), ("slack", on_slack)):
            async with stage(Path(folder) / name) as at:
                found.append([same("\n".join(await at.give(line)), at.names) for line in PLAY])
    return list(zip(PLAY, *found, strict=True))


def page(scenes: Sequence[tuple[Line, str, str]]) -> str:
    """The scenes in Markdown, a heading for each command."""
    parts: list[str] = []
    for command in dict.fromkeys(line.command for line, _, _ in scenes):
        parts.append(f"### `{command}`")
        for line, discord, slack in (scene for scene in scenes if scene[0].command == command):
            same_on_both = [("Discord and Slack", discord)]
            which = same_on_both if discord == slack else [("Discord", discord), ("Slack", slack)]
            parts += [f"```text\n{_head(line, platform)}\n{_cut(text)}\n```" for platform, text in which]
    return "\n\n".join(parts)


def _head(line: Line, platform: str) -> str:
    rank = {MEMBER: "a member", MODERATOR: "a moderator", OWNER: "an owner"}[line.who]
    place = "direct messages" if line.where == DIRECT else line.where
    return f"{platform}, {place}\n{line.who} ({rank}): {line.typed}"


def _cut(text: str) -> str:
    lines = [f"  {line}".rstrip() for line in text.splitlines() if not line.startswith("```")]
    if len(lines) > MOST_LINES:
        lines = [*lines[: MOST_LINES - 1], f"  … {len(lines) - MOST_LINES + 1} lines more"]
    return "\n".join(lines)


def within(text: str) -> str:
    """What stands in a page between the two marks."""
    return text.partition(BEGIN)[2].partition(END)[0].strip()


def main() -> None:
    """Print what the bot says now, or write it into the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.adapters.command_transcripts", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write it into docs/commands.md")
    told = page(asyncio.run(played()))
    if not parser.parse_args().write:
        sys.stdout.write(f"{told}\n")
        return
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n\n{told}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
