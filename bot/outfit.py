"""What agents are given, as far as the model's window has room for it: instructions, tools, and the first memory."""

from collections.abc import Mapping

from bot.agents import FirstMemory
from bot.choices import (
    DEFAULT_PRESET,
    REFLECTION,
    Choices,
    check_fits,
    equipment_of_all,
    equipment_to_reflect,
    within,
)
from bot.context.main_context import Equipment
from bot.context.window import Window
from bot.registry import Tool
from config.settings import EMBEDDED, Settings
from config.words import prompt
from memory.ports import TokenCounter


def talks_only(settings: Settings) -> bool:
    """Whether code does the paging: the operator says so, or the model is a local file and nobody says otherwise."""
    is_local = settings.llm_model == EMBEDDED or settings.model_is_file
    return settings.llm_tier == "text" or (settings.llm_tier == "auto" and is_local)


def outfit(
    settings: Settings,
    choices: Choices,
    first_memory: FirstMemory,
    tools: Mapping[str, Tool],
    window: int,
    counter: TokenCounter,
) -> tuple[Mapping[str, Equipment], Window]:
    """The equipment of each preset and of reflections, and the shares of the model's window that it leaves.

    Args:
        settings: what the operator set.
        choices: what the operator chose beside.
        first_memory: what comes of the choices.
        tools: all that there are.
        window: tokens that prompt and answer share.
        counter: counts them.

    Raises:
        ContextTooSmall: the window has no room for it.
        WordsNotFound: a preset or a prompt that is needed cannot be used.
    """
    own = settings.bot_data_dir
    equipment = equipment_of_all(tools, own, needed=(DEFAULT_PRESET, choices.preset))
    if talks_only(settings):  # it is offered no tools; a preset that nobody could use is refused all the same
        equipment = {"any": Equipment(prompt("text_tier", own), ())}
    equipment = {name: within(window, given, counter) for name, given in equipment.items()}
    fixed = max(given.tokens(counter) for given in equipment.values())
    shares = Window(window, settings.memory_block_tokens, fixed, settings.memory_flush_fraction)
    if choices != Choices(
        verifies_first=choices.verifies_first, names_model=choices.names_model
    ):  # what comes with us is short enough, or nearly
        check_fits(first_memory, shares.room, counter)
    if not talks_only(settings):
        equipment[REFLECTION] = equipment_to_reflect(tools, own)
    return equipment, shares
