"""What `doctor` looks at beside the model, a function each: is it there, does it work, and what to do if not."""

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import bot.tools
from adapters.ports.checkup import Finding, Verdict
from adapters.ports.errors import ServiceMissing
from bot.choices import Choices, equipment_of, first_memory_of
from bot.implementations import open_embedder
from bot.operator.contradictions import contradictions
from bot.registry import Tool, discover
from config.settings import NO_EMBEDDER, Settings
from config.words import WordsNotFound, persona, persona_names, preset_names, prompt
from memory.counts import Counts, count
from memory.overview import agent_ids, newest_message_at, passages_with_vector, passages_without_vector
from memory.ports import StorageUnavailable
from memory.search.chroma_folder import fault_of, vectors_in
from memory.search.exact_index import vectors_in_file
from memory.sqlite.database import SCHEMA_REVISION
from memory.sqlite.upkeep import beside, integrity, revision_at

ENV_FILE = Path(".env")
LITTLE_SPACE, TOO_LITTLE_SPACE = 2**30, 100 * 2**20
BUILT_IN = 2026
"""No clock that is right shows an earlier year."""

_ALIKE = ("The cat sleeps on the sofa.", "A cat naps on the couch.")
_UNLIKE = "The invoice has to be paid by Monday."


async def check_settings(settings: Settings, now: datetime) -> Finding:
    """They are valid, or we were not here; they agree, and the file with the keys is for its owner alone."""
    told = f"platforms {', '.join(settings.bot_platforms)}; data in {settings.bot_data_dir}"
    found = ["others can read .env: chmod 600 .env"] if _others_can_read(ENV_FILE) else []
    found += contradictions(settings)
    return Finding("warn" if found else "ok", "settings", "; ".join([told, *found]))


async def check_words(settings: Settings, now: datetime) -> Finding:
    """Presets, personas and prompts can be read, the operator's own as well."""
    own, tools = settings.bot_data_dir, discover(bot.tools, Tool)
    faults: list[str] = []
    looks: list[Callable[[], object]] = [
        partial(first_memory_of, Choices(settings.bot_preset), own, settings.bot_persona),
        *(partial(equipment_of, name, tools, own) for name in preset_names(own)),
        *(partial(persona, name, own) for name in persona_names(own)),
        partial(prompt, "text_tier", own),
        partial(prompt, "summarize", own),
    ]
    for look in looks:
        try:
            look()
        except WordsNotFound as fault:
            faults.append(str(fault))
    if faults:
        return Finding("fail", "words", " ".join(faults))
    return Finding("ok", "words", f"presets {', '.join(preset_names(own))}; personas {', '.join(persona_names(own))}")


async def check_embedder(settings: Settings, now: datetime) -> Finding:
    """What means the same is nearer than what does not."""
    name = settings.embedding_model
    if name == NO_EMBEDDER:
        return Finding("ok", "embedder", "none, as set: memory is searched by words alone")
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
    if waiting and settings.embedding_model != NO_EMBEDDER:
        return Finding(
            "warn", "storage", f"{told}; {waiting} passages wait for their vectors: the next start makes them"
        )
    return Finding("ok", "storage", told)


async def check_vectors(settings: Settings, now: datetime) -> Finding:
    """The vector index can be read, and has a vector of each passage that is marked to have one."""
    path, folder = settings.database_path, settings.vectors_path
    if settings.embedding_model == NO_EMBEDDER:
        return Finding("ok", "vectors", "none are made")
    try:
        if await asyncio.to_thread(revision_at, path) != SCHEMA_REVISION:
            return Finding("ok", "vectors", "nothing is kept yet, or the database is not up to date")
        async with beside(path) as connection:  # first: a vector is written before its passage is marked
            marked = await passages_with_vector(connection)
        is_exact = settings.memory_vector_index == "exact"
        if not is_exact and (fault := await asyncio.to_thread(fault_of, folder, beside=True)) is not None:
            return _vectors_to_be_made(f"{folder} is damaged ({fault})")
        count = await asyncio.to_thread(vectors_in_file if is_exact else vectors_in, folder)
    except StorageUnavailable:
        return Finding("ok", "vectors", "cannot be told while the storage cannot be read")
    except sqlite3.Error as error:
        return Finding("warn", "vectors", f"{folder} cannot be looked at just now: {error}")
    told = f"{count} vectors in {folder}, {marked} passages marked to have one"
    return _vectors_to_be_made(told) if count < marked else Finding("ok", "vectors", told)


def _vectors_to_be_made(told: str) -> Finding:
    advice = "passages are found by words alone until the next start, or `python -m bot reindex`, makes it anew"
    return Finding("warn", "vectors", f"{told}; {advice}")


def _nothing_kept(settings: Settings) -> Finding:
    leads_nowhere = settings.bot_data_dir.is_symlink() and not settings.bot_data_dir.exists()
    place = settings.bot_data_dir if leads_nowhere else _existing(settings.bot_data_dir)
    if os.access(place, os.W_OK) and place.is_dir():
        return Finding("ok", "storage", "nothing is kept yet; the first conversation makes the database")
    return Finding("fail", "storage", f"{place} cannot be written")


async def check_unanswered(settings: Settings, now: datetime) -> Finding:
    """Nobody waits for an answer that does not come by itself."""
    try:
        if await asyncio.to_thread(revision_at, settings.database_path) != SCHEMA_REVISION:
            return Finding("ok", "unanswered", "nothing is kept yet, or the database is not up to date")
        async with beside(settings.database_path) as connection:
            counts = await count(connection, now)
    except StorageUnavailable:
        return Finding("ok", "unanswered", "cannot be told while the storage cannot be read")
    found = _unanswered(counts)
    if not found:
        return Finding("ok", "unanswered", "nothing was put aside; every reply was delivered, or is about to be")
    return Finding("warn", "unanswered", f"{'; '.join(found)}. `/agent status` in the conversation says which")


def _unanswered(counts: Counts) -> list[str]:
    told = (
        ("events parked, as they could not be answered", counts.events_parked),
        ("replies that could not be delivered", counts.replies_dead),
        ("doubtful replies, which were perhaps delivered", counts.replies_doubtful),
        ("turns that wait for the model, which gives no answer", counts.turns_waiting_for_model),
    )
    return [f"{what}: {number}" for what, number in told if number]


async def check_disk(settings: Settings, now: datetime) -> Finding:
    """There is room to go on."""
    place = _existing(settings.bot_data_dir)
    free = shutil.disk_usage(place).free
    verdict: Verdict = "ok" if free >= LITTLE_SPACE else "warn"
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
