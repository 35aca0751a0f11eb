"""What `doctor` looks at of models: do they answer, has the window room for an agent, what can they do."""

import asyncio
import json
from collections.abc import Awaitable, Sequence
from datetime import datetime

import bot.tools
from adapters.models.offered_models import WindowTold, known_by_name, offered_as
from adapters.models.token_counter import BpeTokenCounter
from adapters.ports.checkup import Finding
from adapters.ports.errors import ModelError, ModelUnavailable, ServiceMissing
from adapters.ports.model import ChatMessage, LanguageModel, Sampling
from bot.choices import Choices, first_memory_of
from bot.errors import ContextTooSmall
from bot.implementations import (
    as_set,
    chosen_of,
    models_offered,
    open_model,
    server_model,
    server_of,
    server_streams,
    with_window,
)
from bot.operator.models import window_in_words
from bot.outfit import outfit, talks_only
from bot.reasoning import after_reasoning
from bot.registry import Tool, discover
from bot.text import clean, counted
from bot.tiers.auto_tier import TierName, calls_tools, may_be_outdated
from config.settings import Settings, can_be_of_server
from config.words import WordsNotFound
from memory.core.agents import chosen_models
from memory.model_tiers import FoundTier, tier_of
from memory.ports import StorageUnavailable
from memory.sqlite.database import SCHEMA_REVISION
from memory.sqlite.upkeep import beside, revision_at

_HELLO_TEXT = "Say hello in one word."
_HELLO = ChatMessage("user", _HELLO_TEXT)
_MAX_TOKENS = 1000
_GREETING = {
    "type": "object",
    "properties": {"greeting": {"type": "string"}},
    "required": ["greeting"],
    "additionalProperties": False,
}
_IN_A_GREETING = {
    "response_format": {"type": "json_schema", "json_schema": {"name": "hello", "strict": True, "schema": _GREETING}}
}
_YES, _NO = "yes", "no"


async def check_model(settings: Settings, now: datetime) -> Finding:
    """It answers a tiny call, its window has room for an agent, and what it can do is tried."""
    name = settings.llm_model
    try:
        model = await open_model(settings)
    except ServiceMissing as error:
        return Finding("fail", "model", str(error))
    try:
        await model.complete([_HELLO], max_tokens=_MAX_TOKENS)
        if (too_small := _too_small(settings, model.context_window)) is not None:
            return Finding("fail", "model", f"{name} answers; {too_small}")
        window, less = await _window(settings, model)
        calls, told = await _abilities(settings, model)
        found = await _tier(settings, model, f"{name} answers; window {window}{told}", calls, now)
        return found if less is None else Finding("warn", "model", f"{found.told}; {less}")
    except ModelError as error:
        return Finding("fail", "model", f"{name} gives no answer: {' '.join(error.detail.split())}. {error}")
    finally:
        await model.close()


async def check_other_models(settings: Settings, now: datetime) -> Finding:
    """Those that the settings name beside, and those that owners chose for agents: the server has them."""
    own = settings.llm_model
    named = (("LLM_MODEL_SUMMARIES", settings.llm_model_summaries), ("LLM_MODEL_TIMED", settings.llm_model_timed))
    others = [(name, what) for what, name in named if name is not None and name != own]
    of_agents = [(name, f"/agent model, {counted(count, 'agent')}") for name, count in await _chosen(settings)]
    of_agents = [(name, what) for name, what in of_agents if name != own]
    if not others and not of_agents:
        return Finding("ok", "models", "none is named beside LLM_MODEL")
    faults = [fault for name, what in others if (fault := await _fault_of(settings, name, what)) is not None]
    try:
        offered = await models_offered(settings) if of_agents else ()
    except ServiceMissing as error:
        return Finding("fail", "models", "; ".join([*faults, str(error)]))
    faults += [
        f"{name} ({what}) is not offered by the server" for name, what in of_agents if offered_as(name, offered) is None
    ]
    if faults:
        return Finding("fail", "models", "; ".join(faults))
    return Finding("ok", "models", f"there are {'; '.join(f'{name} ({what})' for name, what in [*others, *of_agents])}")


async def _fault_of(settings: Settings, name: str, what: str) -> str | None:
    """Why a model cannot be used for what the settings name it for, if so."""
    model = server_model(as_set(settings, chosen_of(known_by_name(name))))
    try:
        await model.complete([_HELLO], max_tokens=_MAX_TOKENS)
    except ModelError as error:
        return f"{name} ({what}) gives no answer: {' '.join(error.detail.split())}"
    finally:
        await model.close()
    return None


async def _chosen(settings: Settings) -> Sequence[tuple[str, int]]:
    """The models that owners chose for agents, each with how many those are."""
    try:
        if await asyncio.to_thread(revision_at, settings.database_path) != SCHEMA_REVISION:
            return ()
        async with beside(settings.database_path) as connection:
            return await chosen_models(connection)
    except StorageUnavailable:  # said by the check of the storage
        return ()


async def _window(settings: Settings, model: LanguageModel) -> tuple[str, str | None]:
    """The window that is taken, with where it is from; and what to do about it, if anything.

    A server that runs its model with less than is taken for it cuts prompts off, and most do not say so.
    """
    if not can_be_of_server(settings.llm_model):
        return f"{model.context_window} tokens", None
    try:
        offered = await models_offered(settings)
    except ServiceMissing:  # not every server lists them
        offered = ()
    taken = with_window(settings, offered)
    listed = offered_as(model.name, offered)
    served = listed.window if listed is not None and listed.told is WindowTold.AS_SERVED else None
    if taken.window_to_take != model.context_window:  # told only since the model was called
        taken = with_window(settings, ())
    if served is None or served >= model.context_window:
        return window_in_words(taken), None
    less = f"its server runs it with {served} tokens: set LLM_CONTEXT_WINDOW={served}, or give the server more"
    return window_in_words(taken), less


async def _abilities(settings: Settings, model: LanguageModel) -> tuple[bool, str]:
    """Whether the model calls tools, and what it can do beside, in words; a call for each, which may be refused.

    Of our own models all is known but whether they call tools, where they are asked to.
    """
    is_spared = talks_only(settings) or settings.llm_tier == "json"
    if not can_be_of_server(settings.llm_model):
        return not is_spared and await calls_tools(model), ""
    tools = await _tried(calls_tools(model)) if is_spared else _YES if await calls_tools(model) else _NO
    end = asyncio.get_running_loop().time() + settings.llm_timeout_s  # for both
    schema = await _tried(_keeps_to_schema(model), end)
    streaming = await _tried(server_streams(settings, _HELLO_TEXT, _MAX_TOKENS), end)
    return tools == _YES, f"; tools {tools}, JSON schema {schema}, streaming {streaming} (not used)"


async def _tried(trial: Awaitable[bool], end: float | None = None) -> str:
    """What a trial comes to, in a word; one that breaks off says nothing of what the model can do."""
    try:
        async with asyncio.timeout_at(end):
            return _YES if await trial else _NO
    except (ModelUnavailable, TimeoutError):
        return "not found out"
    except ModelError:
        return _NO


async def _keeps_to_schema(model: LanguageModel) -> bool:
    """Whether an answer has the form that is asked for, and that no word of the prompt tells."""
    completion = await model.complete([_HELLO], max_tokens=_MAX_TOKENS, sampling=Sampling(extra=_IN_A_GREETING))
    try:
        read = json.loads(after_reasoning(clean(completion.text or "")))
    except (ValueError, RecursionError):
        return False
    return isinstance(read, dict) and isinstance(read.get("greeting"), str)


async def _tier(settings: Settings, model: LanguageModel, told: str, calls: bool, now: datetime) -> Finding:
    if talks_only(settings):
        return Finding("ok", "model", f"{told}; tier text: code does the remembering")
    if settings.llm_tier == "json":
        return Finding("ok", "model", f"{told}; tier json, as set")
    found = await _found_tier(settings, model) if settings.llm_tier == "auto" else None
    known = found if found is not None and found.name != TierName.TOOLS else None
    days = max(0, (now - known.found_at).days) if known is not None else 0
    earlier = f"tier {known.name}, as was found out {counted(days, 'day')} ago" if known is not None else ""
    if calls:
        if known is not None:
            told = f"{told}; it called the tool that it was offered, but is spoken to in {earlier}"
            advice = "the next start asks it again" if _is_old(known, now) else "set LLM_TIER=tools"
            return Finding("warn", "model", f"{told}: {advice}")
        return Finding("ok", "model", f"{told}; it called the tool that it was offered: tier tools")
    advice = "LLM_TIER=json or text may serve it better" if settings.llm_tier == "tools" else "tier json or text"
    return Finding("warn", "model", f"{told}; it did not call the tool that it was offered: {earlier or advice}")


def _too_small(settings: Settings, window: int) -> str | None:
    """What the start would be refused for, if the model's window has no room for an agent."""
    try:
        choices = Choices(settings.bot_preset)
        first_memory = first_memory_of(choices, settings.bot_data_dir, settings.bot_persona)
        outfit(settings, choices, first_memory, discover(bot.tools, Tool), window, BpeTokenCounter())
    except ContextTooSmall as fault:
        return str(fault)
    except WordsNotFound:  # said by the check of the words
        pass
    return None


def _is_old(found: FoundTier, now: datetime) -> bool:
    return may_be_outdated(TierName(found.name), found.found_at, now)


async def _found_tier(settings: Settings, model: LanguageModel) -> FoundTier | None:
    try:
        async with beside(settings.database_path) as connection:
            return await tier_of(connection, server_of(settings), model.name)
    except StorageUnavailable:  # said by the check of the storage
        return None
