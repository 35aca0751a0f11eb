"""Commits that nobody cuts in two."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from bot.agent import Agent

Keep = Callable[[Agent], None]
"""Takes an agent as a commit left it: from then on it is the agent at hand."""


async def whole(commit: Coroutine[Any, Any, Agent], keep: Keep) -> Agent:
    """Finish a commit, and keep the agent as it leaves it, even if the turn is cancelled meanwhile."""
    task = asyncio.ensure_future(commit)
    try:
        agent = await asyncio.shield(task)
    except asyncio.CancelledError:
        keep(await task)
        raise
    keep(agent)
    return agent
