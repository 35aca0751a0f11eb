"""The shelves: where an agent's memory stands, and how much of it a prompt can hold."""

from dataclasses import dataclass

from bot.context.window import Room, Window
from memory.archival.storage import ArchivalStorage
from memory.core.agents import AgentStore
from memory.ports import TokenCounter
from memory.recall.storage import RecallStorage
from memory.search.result_lists import ResultLists


@dataclass(frozen=True, slots=True)
class Shelves:
    """The stores and measures that tools read."""

    agents: AgentStore
    recall: RecallStorage
    archival: ArchivalStorage
    result_lists: ResultLists
    counter: TokenCounter
    window: Window

    @property
    def room(self) -> Room:
        """How the model's window is shared out now."""
        return self.window.room
