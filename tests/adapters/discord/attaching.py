"""People who attach files, and what the agent was told of them: what the tests of attachments share."""

import json
from typing import Any

from adapters.testing import Reply, Request, answer, says
from tests.platforms.discord.served import Served
from tests.platforms.discord.things import User
from tests.platforms.discord.world import World
from tests.platforms.serving import Think

KNOB = "Turn the crimson knob to start the engine."


def last_of(request: Request) -> dict[str, Any]:
    """The newest event that the model is shown."""
    entry = next(it for it in reversed(request["messages"]) if it["role"] == "user")
    content = entry["content"]
    return dict(json.loads(content if isinstance(content, str) else content[0]["text"]))


def said(request: Request) -> str:
    return str(last_of(request)["message"])


def finds(query: str) -> Think:
    """A model that searches its documents and says what it found."""

    def think(request: Request) -> Reply:
        last = request["messages"][-1]
        if last["role"] != "tool":
            return answer(None, ("archival_memory_search", {"query": query, "request_heartbeat": True}))
        found = json.loads(last["content"])["results"]
        return says("; ".join(f"{hit['document']}: {hit['text']}" for hit in found) or "nothing")

    return think


async def told(world: World, served: Served, *files: Any, text: str = "look at this") -> str:
    """What the model is shown of a direct message with these files."""
    asked = await world.says(world.ada, world.dm(world.ada), text, attachments=files)
    await world.hears(world.dm(world.ada), after=asked)
    return said(served.model.requests[-1])


async def found_by(served: Served, scope: str, query: str) -> list[str]:
    agent, archival = await served.app.agents.get(scope), served.app.shelves.archival
    return [passage.content for passage in await archival.get(agent.id, await archival.search(agent.id, query))]


async def settled(world: World, served: Served, person: User) -> None:
    """Wait until what this person did in their direct messages so far is done: it is told in order."""
    asked = await world.says(person, world.dm(person), "are you there?")
    await world.hears(world.dm(person), after=asked)


def dm_of(person: User) -> str:
    return f"discord:dm:{person.id}"


def fetched(world: World) -> list[str]:
    return [it.route for it in world.requests if "/attachments/" in it.route]
