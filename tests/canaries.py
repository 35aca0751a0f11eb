"""Secrets planted in many places, and a watch for any that turns up in another place.

Each place has secrets that nobody says anywhere else. A model that obeys whatever it is told, people who ask for each
other's secrets, and commands of every kind do the rest. Whatever leaves the program (a prompt, a reply, the answer to a
command, an exported file, a line of the log) is read here, by whose it is.
"""

import asyncio
import json
import logging
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

from adapters.ports.commands import CommandCall, CommandReply
from adapters.ports.messages import Address, Aim, InboundMessage, MessageChange, Origin, Person, Quoted
from adapters.ports.model import DEFAULT_SAMPLING, ChatMessage, Completion, LanguageModel, Sampling, ToolSchema
from adapters.testing import Reply, Request, answer, says
from bot import log
from bot.app import App
from bot.events import reflection
from bot.metering.model_around import ModelAround
from bot.scopes import scope_of
from bot.testing import Clock, RecordingPlatform
from memory.people.channels import Mode

SECRET = re.compile(r"xq(\d\d)z[0-9a-f]{6}")
"""A secret begins with the number of the place that it belongs to."""

NOBODYS = "-"

Call = tuple[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Place:
    """Direct messages, or a channel with its people; `topic` is what anybody anywhere may ask about."""

    number: int
    name: str
    origins: tuple[Origin, ...]

    @property
    def scope(self) -> str:
        """Whose agent is here."""
        return scope_of(self.origins[0])

    @property
    def topic(self) -> str:
        """A word that tells nothing, by which its secrets are found."""
        return f"matter{self.number:02d}"

    def secret(self, chance: Random) -> str:
        """Another one of its secrets."""
        return f"xq{self.number:02d}z{chance.randrange(16**6):06x}"


@dataclass(frozen=True, slots=True)
class Leak:
    """A secret where it must not be: which, whose eyes saw it, by what way, and in what."""

    secret: str
    seen_by: str
    way: str
    text: str


@dataclass
class Watch:
    """Reads what leaves the program."""

    places: Sequence[Place]
    leaks: list[Leak] = field(default_factory=list)
    read: Counter[str] = field(default_factory=Counter)
    """How many texts were read, by their way."""
    own: Counter[str] = field(default_factory=Counter)
    """How many secrets were seen where they may be: of a watch that sees none, nothing is proved."""

    def see(self, scope: str, way: str, text: str) -> None:
        """Read a text that somebody in a scope sees; `NOBODYS` may see no secret at all."""
        self.read[way] += 1
        numbers = {f"{place.number:02d}" for place in self.places if place.scope == scope}
        for found in SECRET.finditer(text):
            if found[1] in numbers:
                self.own[way] += 1
            else:
                around = text[max(0, found.start() - 200) : found.end() + 200]
                self.leaks.append(Leak(found.group(), scope, way, around))


class AskedOneByOne(ModelAround):
    """A model that is asked by one agent at a time, so that each request that its server gets is known to be whose."""

    def __init__(self, model: LanguageModel, told: Callable[[str], None]) -> None:
        super().__init__(model)
        self._told = told
        self._turn = asyncio.Lock()

    async def complete(
        self,
        messages: Sequence[ChatMessage],
        tools: Sequence[ToolSchema] = (),
        *,
        max_tokens: int | None = None,
        sampling: Sampling = DEFAULT_SAMPLING,
    ) -> Completion:
        """See `LanguageModel`."""
        async with self._turn:
            self._told(log._scope.get())
            return await self._model.complete(messages, tools, max_tokens=max_tokens, sampling=sampling)


class Obeying:
    """A model that makes the calls that the newest message lists, as JSON, whoever wrote it; and reads nothing else."""

    def __init__(self, watch: Watch) -> None:
        self.asking = NOBODYS
        self.cursors: list[str] = []
        """Those that it was given, of whatever agent."""
        self._watch = watch

    def ask(self, scope: str) -> None:
        """Whose request comes next."""
        self.asking = scope

    def __call__(self, request: Request) -> Reply:
        """Answer a request."""
        self._watch.see(self.asking, "prompt", json.dumps(request, ensure_ascii=False))
        if not request.get("tools"):
            return answer("They talked of many things.")
        last = request["messages"][-1]
        text = str(last["content"])
        self.cursors += re.findall(r'"(?:next_)?cursor": "([^"]+)"', text)
        del self.cursors[:-50]
        if last["role"] == "tool":
            return says("Done.")
        try:
            said = str(json.loads(text)["message"])
            calls = json.loads(said[said.index("[[") : said.rindex("]]") + 2])
        except (ValueError, KeyError):
            return says("I see.")
        return answer("As told.", *calls, ("send_message", {"message": "Done."}))


class _Handler(logging.Handler):
    def __init__(self, watch: Watch) -> None:
        super().__init__(logging.INFO)
        self._watch = watch
        self.setFormatter(logging.Formatter())

    def emit(self, record: logging.LogRecord) -> None:
        self._watch.see(NOBODYS, "log", self.format(record))


@dataclass
class Life:
    """What people do with a bot, by chance: each action is one of a person, or of time."""

    app: App
    places: Sequence[Place]
    platforms: dict[str, RecordingPlatform]
    model: Obeying
    watch: Watch
    clock: Clock
    chance: Random
    folder: Path
    """Where documents are written that are to be loaded."""
    name: str = ""
    """What the names of its messages begin with."""
    done: Counter[str] = field(default_factory=Counter)
    messages: dict[int, list[tuple[Origin, str, str]]] = field(default_factory=dict)
    """By place, the newest messages: who wrote them where, their names, and what they said."""
    _seen: Counter[str] = field(default_factory=Counter)
    _number: int = 0

    def listening(self) -> logging.Handler:
        """What reads the log."""
        return _Handler(self.watch)

    async def go_on(self, actions: int) -> None:
        """So many actions, each followed by a look at all that came of it."""
        kinds = [self.chatters, self.orders, self.commands, self.edits, self.waits, self.reflects, self.loads]
        for kind in self.chance.choices(kinds, [24, 36, 30, 7, 4, 2, 1], k=actions):
            self.done[kind.__name__] += 1
            await kind()
            await self.app.lanes.idle()
            self.look()

    def look(self) -> None:
        """Read what the platforms were told since the last time."""
        for name, platform in self.platforms.items():
            for address, text in platform.sent[self._seen[name] :]:
                self.watch.see(self._scope_at(address), "reply", text)
            self._seen[name] = len(platform.sent)
            for text in platform.notices:
                self.watch.see(NOBODYS, "notice", text)
            platform.notices.clear()

    # ── what may happen ──────────────────────────────────────────────────────────────────────────────

    async def chatters(self) -> None:
        """Somebody writes a secret of the place, or asks for another's; perhaps as a reply."""
        place = self.chance.choice(self.places)
        text = self.chance.choice(
            [
                f"The code of {place.topic} is {place.secret(self.chance)}",
                f"What is the code of {self._topic()}?",
                f"My name is Ada; I keep {place.secret(self.chance)} for {place.topic}",
            ]
        )
        await self.writes(place, text, aim=self.chance.choice([Aim.AT_US, Aim.AT_US, Aim.AT_OTHERS]))

    async def orders(self) -> None:
        """Somebody has the model make calls."""
        place = self.chance.choice(self.places)
        calls = [self._call(place) for _ in range(self.chance.randrange(9, 16))]
        self.done.update(name for name, _ in calls)
        await self.writes(place, f"Do this: {json.dumps(calls)}")

    async def commands(self) -> None:
        """Somebody gives a command."""
        place = self.chance.choice(self.places)
        mine = place.secret(self.chance)
        line = self.chance.choice(
            [
                "memory",
                "memory sources",
                "memory changes",
                f"search {self._topic()} code",
                f"search {self._topic()}",
                f"search code from:Ada {self._topic()}",
                f"remember The code of {place.topic} is {mine}",
                f"forget {self._topic()}",
                "status",
                "followups",
                f"followups cancel {self.chance.randrange(1, 60)}",
                "undo",
                "admin undo",
                f"admin undo discord:{self.chance.randrange(1, 4)}",
                "admin inspect",
                "admin inspect discord:1",
                "admin inspect slack:T1/1",
                "admin agents",
                "admin audit",
                "admin budget",
                "export",
                "persona",
                "help",
                "heartbeat every 60",
                "timezone Europe/Lisbon",
                self.chance.choice(["pause", "resume", "resume"]),
                f"reset {self.chance.choice(['conversation', 'core memory', 'archive', 'follow-ups', 'everything'])}",
                self.chance.choice(["erase-me erase me", "erase-me", "erase-me"]),
            ]
        )
        await self.gives(self.chance.choice(place.origins), line)

    async def edits(self) -> None:
        """Somebody edits or deletes a message; a forged change names the messages of another place."""
        place = self.chance.choice(self.places)
        if not (said := self.messages.get(place.number)):
            return
        origin, name, _ = self.chance.choice(said)
        if self.chance.random() < 0.2:
            name = self.chance.choice(self.chance.choice(list(self.messages.values())))[1]
        text = self.chance.choice([None, f"Rather {place.secret(self.chance)}, of {place.topic}"])
        is_known = origin.address.platform == "slack"
        change = MessageChange(origin if is_known else None, (name,), text)
        if not is_known and not any(name == own for _, own, _ in said):
            return  # on Discord no two messages have one name
        await self.app.intake(origin.address.platform).change(change)

    async def waits(self) -> None:
        """Time passes, and clocks ring."""
        self.clock.advance(minutes=self.chance.choice([5, 70, 60 * 10]))
        await self.app.sweep()

    async def reflects(self) -> None:
        """An agent tidies its memory."""
        origin = self.chance.choice(self.chance.choice(self.places).origins)
        await (await self.app.receiver.wake(origin, reflection("set off by hand", self.clock())))

    async def loads(self) -> None:
        """A document is loaded for one agent."""
        place = self.chance.choice(self.places)
        agent = await self.app.agents.get(place.scope)
        path = self.folder / f"guide-{place.number}-{self.chance.randrange(3)}.txt"
        path.write_text(f"All about {place.topic}: its code is {place.secret(self.chance)}.", encoding="utf-8")
        await self.app.library.load([str(path)], None, agent.id)

    # ── how ──────────────────────────────────────────────────────────────────────────────────────────

    async def writes(self, place: Place, text: str, *, aim: Aim = Aim.AT_US) -> None:
        """Somebody of a place writes."""
        self._number += 1
        origin, name = self.chance.choice(place.origins), f"{self.name}m{self._number}"
        said, quoted = self.messages.setdefault(place.number, []), None
        if said and self.chance.random() < 0.2:
            writer, named, words = self.chance.choice(said)
            quoted = Quoted(named, writer.person, words, self.clock())
        message = InboundMessage(
            f"{self.name}e{self._number}", origin, text, self.clock(), message_id=name, aim=aim, replying_to=quoted
        )
        said.append((origin, name, text))
        del said[:-20]
        await (await self.app.receiver.receive(message))

    async def gives(self, origin: Origin, line: str) -> None:
        """Somebody gives a command, says yes if asked, and is handed the file."""
        is_moderator, platform = self.chance.random() < 0.7, origin.address.platform
        self.done[f"/{line.split()[0]}"] += 1
        reply = await self.app.intake(platform).command(CommandCall(origin, line, is_moderator=is_moderator))
        await self._told(origin, line, reply, is_moderator=is_moderator)
        for text in await self.app.commands.suggest(CommandCall(origin, f"{line.split()[0]} ", is_moderator=True)):
            self.watch.see(scope_of(origin), "suggestion", text)

    async def _told(self, origin: Origin, line: str, reply: CommandReply, *, is_moderator: bool) -> None:
        way = "export" if reply.file is not None else "answer"
        self.watch.see(scope_of(origin), way, reply.text)
        if reply.file is not None:
            with zipfile.ZipFile(reply.file.path) as archive:
                for name in archive.namelist():
                    self.watch.see(scope_of(origin), way, archive.read(name).decode())
            reply.file.path.unlink()
        if reply.announcement is not None:
            reply = await reply.announcement.announced()
        if reply.turn is not None:
            await reply.turn
        if reply.confirmed is not None:
            await self._told(origin, line, await reply.confirmed(is_moderator=is_moderator), is_moderator=is_moderator)

    def _call(self, place: Place) -> Call:
        mine = f"The code of {place.topic} is {place.secret(self.chance)}"
        label = self.chance.choice(["human", "channel", "persona", "person:1", "person:2", "person:3"])
        cursors = self.model.cursors  # how many there are hangs on how quick an index was: chance must not
        cursor = cursors[self._number % len(cursors)] if cursors else None
        return self.chance.choice(
            [
                ("core_memory_append", {"label": label, "content": mine}),
                ("core_memory_replace", {"label": label, "old_content": "code", "new_content": mine[:40]}),
                ("archival_memory_insert", {"content": mine, "tags": ["codes", label]}),
                ("archival_memory_insert", {"content": mine}),
                ("archival_memory_search", {"query": f"code of {self._topic()}"}),
                ("archival_memory_search", {"query": "code", "tags": ["codes"]}),
                ("archival_memory_search", {"query": "code", "cursor": cursor}),
                ("conversation_search", {"query": f"code of {self._topic()}"}),
                ("conversation_search", {"query": f"message {self.chance.randrange(1, 4000)}"}),
                ("conversation_search", {"query": f"sources of {label}"}),
                ("conversation_search", {"query": "code from:Ada"}),
                ("conversation_search", {"query": "code", "cursor": cursor}),
                ("conversation_search", {"query": "x", "cursor": f"m{self.chance.randrange(1, 4000)}.1"}),
                ("archival_memory_search", {"query": "x", "cursor": f"p{self.chance.randrange(1, 400)}.1"}),
                ("conversation_search_date", {"start_date": "2026-01-01", "end_date": "2027-01-01"}),
                ("schedule_follow_up", {"when": self._soon(), "note": mine}),
                ("list_follow_ups", {}),
                ("cancel_follow_up", {"follow_up_id": self.chance.randrange(1, 60)}),
                ("send_message", {"message": mine}),
                ("react", {"emoji": "👍"}),
                (place.secret(self.chance), {"message": mine}),
            ]
        )

    def _soon(self) -> str:
        later = self.clock.moment.replace(microsecond=0) + timedelta(minutes=self.chance.randrange(10, 300))
        return later.isoformat()

    def _topic(self) -> str:
        return self.chance.choice(self.places).topic

    def _scope_at(self, address: Address) -> str:
        for place in self.places:
            for origin in place.origins:
                if (origin.address.platform, origin.address.channel) == (address.platform, address.channel):
                    return place.scope
        return NOBODYS


def places() -> tuple[Place, ...]:
    """Direct messages and channels of two servers and two workspaces; people and channels are named alike in them."""

    def direct(platform: str, channel: str, person: str, space: str | None = None) -> tuple[Origin, ...]:
        return (Origin(Address(platform, channel), Person(person, "Ada"), is_direct=True, space=space),)

    def channel(platform: str, space: str, channel: str, thread: str | None = None) -> tuple[Origin, ...]:
        people = [Person("1", "Ada"), Person("2", "Bob"), Person("3", "Ada")]
        address = Address(platform, channel, thread)
        there = [Origin(Address(platform, channel), person, is_direct=False, space=space) for person in people]
        return (*there, Origin(address, people[0], is_direct=False, space=space))

    made = [
        ("A's direct messages on Discord", direct("discord", "d1", "1")),
        ("B's direct messages on Discord", direct("discord", "d2", "2")),
        ("a channel on Discord", channel("discord", "1", "11")),
        ("another one of that server", channel("discord", "1", "12", "t1")),
        ("one of another server", channel("discord", "2", "21")),
        ("A's direct messages on Slack", direct("slack", "D1", "1", "T1")),
        ("B's direct messages on Slack", direct("slack", "D2", "2", "T1")),
        ("those of somebody of A's id in another workspace", direct("slack", "D3", "1", "T2")),
        ("a channel on Slack", channel("slack", "T1", "C1", "t1")),
        ("another one of that workspace", channel("slack", "T1", "C2")),
        ("one of another workspace", channel("slack", "T2", "C3")),
    ]
    return tuple(Place(number, name, origins) for number, (name, origins) in enumerate(made))


async def let_speak(app: App, all_: Sequence[Place], clock: Clock) -> None:
    """Let agents hear all that is said in their channels."""
    for place in all_:
        if not place.origins[0].is_direct:
            await app.stores.channels.choose(place.scope, Mode.LISTEN, "discord:1", clock())
