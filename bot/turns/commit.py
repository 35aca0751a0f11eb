"""Commits that nobody cuts in two."""

from collections.abc import Callable, Coroutine
from typing import Any

from bot.agent import Agent
from memory.sqlite.database import finish

Keep = Callable[[Agent], None]
"""Takes an agent as a commit left it: from then on it is the agent at hand."""


async def whole(commit: Coroutine[Any, Any, Agent], keep: Keep) -> Agent:
    """Finish a commit, and keep the agent as it leaves it, even if the turn is cancelled meanwhile."""

    async def kept() -> Agent:
        agent = await commit
        keep(agent)
        return agent

    return await finish(kept())
