"""Long work of the processor is done in a thread, beside everything else; a thread is worth its cost only there."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

Result = TypeVar("Result")


async def beside(count: int, most: int, work: Callable[..., Result], *arguments: Any) -> Result:
    """Do it in a thread if `count`, of what there is to do, is more than `most`; else at once."""
    return await asyncio.to_thread(work, *arguments) if count > most else work(*arguments)
