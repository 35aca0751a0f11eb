"""How memory is ruled: looked into, corrected, put back, exported, forgotten and erased, by whoever may."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from bot.assembly.ground import Ground
from bot.inbound.changes import Changes
from bot.memory_rights.checkpoints import Checkpoints
from bot.memory_rights.erasing import Erasing
from bot.memory_rights.expiry import Expiry
from bot.memory_rights.exports import Exports
from bot.memory_rights.forgetting import Forgetting
from bot.memory_rights.reset_undo import ResetUndo
from bot.memory_rights.resets import Resets
from bot.memory_rights.rights import Rights
from bot.memory_rights.undo import Undo
from config.settings import Settings
from memory.erasing.changes import MessageChanges
from memory.erasing.erasure import Erasure
from memory.erasing.forgetting import ForgettingStore
from memory.erasing.telling import Telling


def rights_of(ground: Ground, changed: MessageChanges, changes: Changes) -> Rights:
    """Those over what is kept; `changes` follow what is `changed` of messages, beside the database too."""
    settings, stores, agents, now = ground.settings, ground.stores, ground.agents, ground.now
    own, kept_for = settings.bot_data_dir, _kept_for(settings)
    checkpoints = Checkpoints(stores, agents, own, now)
    telling = Telling(stores.database, ground.counter)
    reset_undo = ResetUndo(stores, agents, checkpoints, changes, ground.floors, telling, kept_for, own, now)
    forgotten = ForgettingStore(stores, changed, now)

    async def hold(scope: str, job: Callable[[], Awaitable[None]]) -> None:
        await erasing.held(scope, job)

    erasure = Erasure(stores, ground.floors, ground.counter, own, now, hold=hold, resting=checkpoints.resting)
    erasing = Erasing(erasure, ground.floors, stores, ground.lanes, agents, ground.waiting, ground.notices)
    return Rights(
        checkpoints,
        Resets(stores, ground.counter, agents, checkpoints, now),
        reset_undo,
        Undo(stores, agents, now),
        Forgetting(agents, stores, forgotten, changes, reset_undo, now),
        Exports(settings.database_path, own, ground.lanes, now),
        Expiry(stores.overview, changes, kept_for, now),
        erasing,
    )


def _kept_for(settings: Settings) -> dict[str, timedelta]:
    """How long what was said is kept, by the kind of scope; one that is not named keeps it for ever."""
    days = {"dm": settings.bot_keep_direct_days, "channel": settings.bot_keep_channel_days}
    return {kind: timedelta(days=number) for kind, number in days.items() if number}
