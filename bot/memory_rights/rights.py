"""What people and operators do to memory, by the right that it serves."""

from dataclasses import dataclass

from bot.memory_rights.checkpoints import Checkpoints
from bot.memory_rights.erasing import Erasing
from bot.memory_rights.expiry import Expiry
from bot.memory_rights.exports import Exports
from bot.memory_rights.forgetting import Forgetting
from bot.memory_rights.reset_undo import ResetUndo
from bot.memory_rights.resets import Resets
from bot.memory_rights.undo import Undo


@dataclass(frozen=True, slots=True)
class Rights:
    """Each is described by its class."""

    checkpoints: Checkpoints
    resets: Resets
    reset_undo: ResetUndo
    undo: Undo
    forgetting: Forgetting
    exports: Exports
    expiry: Expiry
    erasing: Erasing
