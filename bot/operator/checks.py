"""What `doctor` looks at, a function each: is it there, does it work, and what to do if not."""

import asyncio
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from adapters.ports import ChatMessage, LanguageModel, ModelError, ServiceMissing
from bot.app import open_embedder, open_model
from bot.tiers.auto_tier import calls_tools
from config.settings import EMBEDDED, Settings
from memory.database import SCHEMA_REVISION
from memory.overview import agent_ids, newest_message_at, passages_without_vector
from memory.ports import StorageUnavailable
from memory.upkeep import beside, integrity, revision_at

ENV_FILE = Path(".env")
LITTLE_SPACE, TOO_LITTLE_SPACE = 2**30, 100 * 2**20
BUILT_IN = 2026
"""No clock that is right shows an earlier year."""

_HELLO = ChatMessage("user", "Say hello in one word.")
_MAX_TOKENS = 1000
_ALIKE = ("The cat sleeps on the sofa.", "A cat naps on the couch.")
_UNLIKE = "The invoice has to be paid by Monday."


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check came to: `warn` is worth knowing, `fail` has to be mended."""

    verdict: Literal["ok", "warn", "fail"]
    about: str
    told: str


async def check_settings(settings: Settings, now: datetime) -> Finding:
    """They are valid, or we were not here; the file with the keys is for its owner alone."""
    told = f"platforms {', '.join(settings.bot_platforms)}; data in {settings.bot_data_dir}"
    if _others_can_read(ENV_FILE):
        return Finding("warn", "settings", f"{told}; others can read .env: chmod 600 .env")
    return Finding("ok", "settings", told)


async def check_model(settings: Settings, now: datetime) -> Finding:
    """It answers a tiny call, and a tool is offered to it."""
    name = settings.llm_model
    try:
        model = await open_model(settings)
    except ServiceMissing as error:
        return Finding("fail", "model", str(error))
    try:
        await model.complete([_HELLO], max_tokens=_MAX_TOKENS)
        return await _tier(settings, model)
    except ModelError as error:
        return Finding("fail", "model", f"{name} gives no answer: {' '.join(error.detail.split())}. {error}")
    finally:
        await model.close()


async def _tier(settings: Settings, model: LanguageModel) -> Finding:
    told = f"{settings.llm_model} answers; window {model.context_window} tokens"
    is_local = settings.llm_model == EMBEDDED or settings.model_is_file
    if settings.llm_tier == "text" or (settings.llm_tier == "auto" and is_local):
        return Finding("ok", "model", f"{told}; tier text: code does the remembering")
    if settings.llm_tier == "json":
        return Finding("ok", "model", f"{told}; tier json, as set")
    if await calls_tools(model):
        return Finding("ok", "model", f"{told}; it called the tool that it was offered: tier tools")
    advice = "LLM_TIER=json or text may serve it better" if settings.llm_tier == "tools" else "tier json or text"
    return Finding("warn", "model", f"{told}; it did not call the tool that it was offered: {advice}")


async def check_embedder(settings: Settings, now: datetime) -> Finding:
    """What means the same is nearer than what does not."""
    name = settings.embedding_model
    try:
        embedder = open_embedder(settings)
    except ServiceMissing as error:
        return Finding("fail", "embedder", str(error))
    try:
        first, second, other = await embedder.embed([*_ALIKE, _UNLIKE])
    except ConnectionError as error:
        return Finding("fail", "embedder", f"{' '.join(str(error).split())}; notes are found by words alone")
    finally:
        await embedder.close()
    near, far = _likeness(first, second), _likeness(first, other)
    told = f"{name}, {len(first)} numbers a text; likeness {near:.2f} of like and {far:.2f} of unlike texts"
    return Finding("ok" if near > far else "warn", "embedder", told)


async def check_storage(settings: Settings, now: datetime) -> Finding:
    """The database is whole, up to date, and its notes have their vectors."""
    path = settings.database_path
    try:
        revision = await asyncio.to_thread(revision_at, path)
        if revision is None:
            return _nothing_kept(settings)
        if (verdict := await asyncio.to_thread(integrity, path)) != "ok":
            return Finding("fail", "storage", f"{path} is damaged ({verdict}); put a copy in its place")
        if revision < SCHEMA_REVISION:
            told = f"{path} has schema {revision}; the next start or `python -m bot migrate` makes it {SCHEMA_REVISION}"
            return Finding("warn", "storage", told)
        async with beside(path) as connection:
            count, waiting = len(await agent_ids(connection)), await passages_without_vector(connection)
    except StorageUnavailable as error:
        return Finding("fail", "storage", str(error))
    if not os.access(settings.bot_data_dir, os.W_OK):
        return Finding("fail", "storage", f"{settings.bot_data_dir} cannot be written")
    told = f"{path} is whole; schema {revision}; {count} agents"
    if waiting:
        return Finding("warn", "storage", f"{told}; {waiting} notes wait for their vectors: the next start makes them")
    return Finding("ok", "storage", told)


def _nothing_kept(settings: Settings) -> Finding:
    place = _existing(settings.bot_data_dir)
    if os.access(place, os.W_OK) and place.is_dir():
        return Finding("ok", "storage", "nothing is kept yet; the first conversation makes the database")
    return Finding("fail", "storage", f"{place} cannot be written")


async def check_disk(settings: Settings, now: datetime) -> Finding:
    """There is room to go on."""
    place = _existing(settings.bot_data_dir)
    free = shutil.disk_usage(place).free
    verdict: Literal["ok", "warn", "fail"] = "ok" if free >= LITTLE_SPACE else "warn"
    told = f"{free / 2**30:.1f} GiB free at {place}"
    return Finding("fail", "disk", f"{told}: too little") if free < TOO_LITTLE_SPACE else Finding(verdict, "disk", told)


async def check_clock(settings: Settings, now: datetime) -> Finding:
    """It does not stand before what was already written; the time zone is shown for a human eye."""
    told = f"{now.astimezone(settings.zone):%Y-%m-%d %H:%M} in {settings.bot_timezone}"
    newest = None
    try:
        if await asyncio.to_thread(revision_at, settings.database_path) == SCHEMA_REVISION:
            async with beside(settings.database_path) as connection:
                newest = await newest_message_at(connection)
    except StorageUnavailable:  # said by the check of the storage
        pass
    if now.year < BUILT_IN or (newest is not None and newest > now + timedelta(minutes=5)):
        written = f"; the newest message is of {newest.astimezone(settings.zone):%Y-%m-%d %H:%M}" if newest else ""
        return Finding("fail", "clock", f"{told}{written}: set this machine's clock")
    return Finding("ok", "clock", told)


def _others_can_read(path: Path) -> bool:
    return path.exists() and bool(path.stat().st_mode & 0o077)


def _likeness(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def _existing(path: Path) -> Path:
    absolute = path.absolute()
    return next(place for place in (absolute, *absolute.parents) if place.exists())
