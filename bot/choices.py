"""What the operator chooses beside the settings: the preset, persona and human of new agents; and what comes of it."""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bot.agents import FirstMemory
from bot.context.main_context import Equipment
from bot.context.window import Room
from bot.errors import ContextTooSmall
from bot.registry import Tool
from config.words import WordsNotFound, human, persona, preset, preset_names, prompt
from memory.ports import TokenCounter

logger = logging.getLogger(__name__)

DEFAULT_PRESET = "memgpt_chat"

REFLECTION = "(reflection)"
"""What the instructions and tools of a reflection are known by; no agent is made of it."""

TO_REFLECT = (
    "core_memory_append",
    "core_memory_replace",
    "archival_memory_insert",
    "archival_memory_replace",
    "archival_memory_search",
    "conversation_search",
    "stay_silent",
)
"""The tools of a reflection: those of memory, and the one that ends it."""

SPARED = (
    *("react", "conversation_search_date", "pause_heartbeats"),
    *("list_follow_ups", "cancel_follow_up", "schedule_follow_up"),
)
"""Tools that an agent does without where the window is too small for all, the first first.

A search takes dates too, and whoever names a follow-up that there is not is told of those that there are.
"""

MOST_FIXED_TOKENS = 1600
MOST_FIXED_SHARE = 1 / 4
"""Instructions and tools take no more than the larger of the two, the second of the window."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What the operator chooses beside the settings."""

    preset: str = DEFAULT_PRESET
    persona: str | None = None
    human: str | None = None
    """None for both: as the preset says."""
    verifies_first: bool = True
    """Whether an agent's first words are checked before anybody hears them."""
    names_model: bool = False
    """Whether the settings' model was named for this run alone: it goes before those that were chosen for agents."""


def first_memory_of(choices: Choices, own: Path, usual: str | None = None) -> FirstMemory:
    """What a new agent is made of, its words read from the operator's folder or ours; `usual` is the settings' persona.

    Raises:
        WordsNotFound: there is no such preset, persona or human.
    """
    chosen = preset(choices.preset, own)
    return FirstMemory(
        preset=choices.preset,
        persona=persona(choices.persona or usual or chosen.persona, own),
        human=human(chosen.human if choices.human is None else choices.human, own),
    )


def equipment_of_all(tools: Mapping[str, Tool], own: Path, needed: Collection[str]) -> dict[str, Equipment]:
    """Instructions and tools of every preset, that of plain chat first."""
    found = {}
    for name in sorted(preset_names(own), key=lambda name: name != DEFAULT_PRESET):
        try:
            found[name] = equipment_of(name, tools, own)
        except WordsNotFound as fault:
            if name in needed:
                raise
            logger.warning("a preset is passed over: %s", fault)  # it is nobody's; the others can talk
    return found


def equipment_of(name: str, tools: Mapping[str, Tool], own: Path) -> Equipment:
    """Instructions and tools of one preset.

    Raises:
        WordsNotFound: there is no such preset, or it cannot be used.
    """
    made_of = preset(name, own)
    if unknown := [tool for tool in made_of.tools if tool not in tools]:
        raise WordsNotFound(f"The preset {name!r} names tools that there are not: {', '.join(unknown)}.")
    try:
        instructions = prompt(made_of.instructions, own)
    except WordsNotFound as fault:
        raise WordsNotFound(f"The preset {name!r}: {fault}") from None
    return Equipment(instructions, tuple(tools[tool].schema for tool in made_of.tools))


def equipment_to_reflect(tools: Mapping[str, Tool], own: Path) -> Equipment:
    """Instructions and tools of a reflection.

    Raises:
        WordsNotFound: the operator's own instructions cannot be used.
    """
    return Equipment(prompt("reflect", own), tuple(tools[name].schema for name in TO_REFLECT))


def within(window: int, equipment: Equipment, counter: TokenCounter) -> Equipment:
    """The equipment, without the tools that can be spared as far as the window is too small for them."""
    most = max(MOST_FIXED_TOKENS, int(window * MOST_FIXED_SHARE))
    for name in SPARED:
        if equipment.tokens(counter) > most or not _leaves_room(window, equipment, counter):
            equipment = replace(equipment, tools=tuple(tool for tool in equipment.tools if tool.name != name))
    return equipment


def _leaves_room(window: int, equipment: Equipment, counter: TokenCounter) -> bool:
    try:
        Room.of(window, 0, equipment.tokens(counter))
    except ContextTooSmall:
        return False
    return True


def check_fits(first_memory: FirstMemory, room: Room, counter: TokenCounter) -> None:
    """Make sure that what an agent is to begin with has room in its blocks.

    Raises:
        ContextTooSmall: it has not.
    """
    for what, text in (("persona", first_memory.persona), ("human", first_memory.human)):
        if (tokens := counter.count(text)) > room.block:
            raise ContextTooSmall(
                f"The {what} takes {tokens} tokens; a block of core memory has room for {room.block} with this model's "
                "window and MEMORY_BLOCK_TOKENS."
            )
