"""The implementations that the settings choose: of the platforms, the model, the embedder, and what reads documents."""

import asyncio
import logging
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from adapters.documents.converted import ConvertedReader
from adapters.documents.kinds import ATTACHED
from adapters.glibc import blank_memory
from adapters.models.embedded_model import EmbeddedModel, model_file, packaged_model
from adapters.models.embedders import NoEmbedder, OpenAIEmbedder, WordLlamaEmbedder, embedder_is_packaged
from adapters.models.known_models import sees_images
from adapters.models.offered_models import OfferedModel, WindowTold, known_by_name, offered_as, offered_models
from adapters.models.openai_model import OpenAIModel
from adapters.models.reachable import OPENAI_URL, check_reachable
from adapters.models.streaming import streams
from adapters.ports.checkup import CanBeExamined
from adapters.ports.documents import DocumentReader
from adapters.ports.errors import ModelUnavailable, ServiceMissing
from adapters.ports.model import LanguageModel
from adapters.ports.platform import ChatPlatform
from bot.documents.web_pages import WebPages
from config.prices import Prices, prices_of
from config.settings import EMBEDDED, NO_EMBEDDER, VECTOR_FILES, Settings, SettingsInvalid, can_be_of_server
from memory.archival.storage import ArchivalStorage
from memory.core.agents import ChosenModel
from memory.ports import Embedder, VectorIndex
from memory.recall.storage import RecallStorage
from memory.search.chroma_index import ChromaIndex
from memory.search.exact_index import ExactIndex
from memory.sqlite.database import Database
from memory.stores import Stores

logger = logging.getLogger(__name__)

WINDOW_WAIT_S = 2.0
"""How long a start waits for a server to tell the window of its model."""


def _discord(settings: Settings) -> ChatPlatform:
    from adapters.discord.endpoints import Endpoints  # a second of imports, for those who serve it
    from adapters.discord.platform import DiscordPlatform

    token = _secret(settings.discord_token) or ""
    endpoints = Endpoints(settings.discord_api_url, settings.discord_gateway_url)
    return DiscordPlatform(token, endpoints, answers_bots=settings.bot_answer_bots)


def _slack(settings: Settings) -> ChatPlatform:
    from adapters.slack.credentials import Credentials
    from adapters.slack.platform import SlackPlatform

    credentials = Credentials(
        _secret(settings.slack_bot_token) or "",
        _secret(settings.slack_app_token),
        _secret(settings.slack_signing_secret),
        settings.slack_api_url,
        settings.slack_port,
    )
    return SlackPlatform(credentials, answers_bots=settings.bot_answer_bots, moderators=settings.bot_owners)


def _secret(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret is not None else None


_PLATFORMS: dict[str, Callable[[Settings], ChatPlatform]] = {"discord": _discord, "slack": _slack}


def open_platforms(settings: Settings) -> dict[str, ChatPlatform]:
    """The platforms to be served, by name: all of the settings but the console, which serves itself.

    Raises:
        SettingsInvalid: there is none.
    """
    served = [name for name in dict.fromkeys(settings.bot_platforms) if name != "console"]
    if not served:
        raise SettingsInvalid(
            ["BOT_PLATFORMS: names no platform to serve but the console; `python -m bot chat` is that."]
        )
    return {name: _PLATFORMS[name](settings) for name in served}


def examinable_platforms(settings: Settings) -> tuple[CanBeExamined, ...]:
    """Those of the platforms to be served that tell whether they are set up well; none of them is connected."""
    made = [_PLATFORMS[name](settings) for name in dict.fromkeys(settings.bot_platforms) if name in _PLATFORMS]
    return tuple(platform for platform in made if isinstance(platform, CanBeExamined))


async def open_model(settings: Settings) -> LanguageModel:
    """The language model of the settings.

    Raises:
        ServiceMissing: it is not there.
    """
    if settings.llm_model == EMBEDDED:
        return EmbeddedModel(
            packaged_model(),
            name=EMBEDDED,
            context_window=settings.llm_context_window,
            timeout_s=settings.llm_timeout_s,
        )
    if settings.model_is_file:
        return await _open_model_file(settings)
    await check_reachable(settings.llm_model, settings.openai_base_url)
    own = await _with_window_told(settings)
    return server_model(settings.model_copy(update={"llm_context_window": own.window_to_take}))


def server_model(settings: Settings) -> LanguageModel:
    """The model that LLM_MODEL names, of the server; whether that answers is not asked."""
    return OpenAIModel(
        settings.llm_model,
        api_key=_key(settings),
        base_url=settings.openai_base_url,
        context_window=with_window(settings, ()).window_to_take,
        timeout_s=settings.llm_timeout_s,
    )


async def _with_window_told(settings: Settings) -> OfferedModel:
    """The model of LLM_MODEL; its server is asked for the window where nothing else tells it, and not for long."""
    known = with_window(settings, ())
    if known.window is not None or settings.openai_base_url is None:  # OpenAI's own list tells no windows
        return known
    try:
        async with asyncio.timeout(WINDOW_WAIT_S):
            url, key = settings.openai_base_url, _key(settings)
            return with_window(settings, await offered_models(url, key, wanted=known.name))
    except ServiceMissing as error:
        fault = str(error)
    except TimeoutError:
        fault = f"no list of models within {WINDOW_WAIT_S:g} s"
    logger.warning("the window of %s is taken to be %d tokens: %s", known.name, known.window_to_take, fault)
    return known


def with_window(settings: Settings, offered: Sequence[OfferedModel]) -> OfferedModel:
    """The model of LLM_MODEL with its window: as it is set, else as its name tells it, else as its server lists it."""
    name = settings.llm_model
    if settings.llm_context_window is not None:
        return OfferedModel(name, settings.llm_context_window, WindowTold.AS_SET)
    known = known_by_name(name)
    if known.window is not None:
        return known
    return offered_as(name, offered) or known


async def server_streams(settings: Settings, prompt: str, max_tokens: int) -> bool:
    """Whether the server can send an answer of LLM_MODEL piece by piece; one short call.

    Raises:
        ModelUnavailable: it could not be found out.
    """
    return await streams(
        settings.llm_model,
        prompt,
        base_url=settings.openai_base_url,
        api_key=_key(settings),
        max_tokens=max_tokens,
        timeout_s=settings.llm_timeout_s,
    )


async def _open_model_file(settings: Settings) -> LanguageModel:
    path = model_file(settings.llm_model)
    model = EmbeddedModel(
        path, name=path.stem, context_window=settings.llm_context_window, timeout_s=settings.llm_timeout_s
    )
    try:
        await model.start()  # now, so that a file that cannot be loaded is told at once
    except ModelUnavailable as error:
        raise ServiceMissing(f"LLM_MODEL={settings.llm_model}: {error.detail}") from error
    return model


async def models_offered(settings: Settings) -> tuple[OfferedModel, ...]:
    """What the server of the settings offers.

    Raises:
        ServiceMissing: it cannot be reached, refuses the key, or gives no list.
    """
    return await offered_models(settings.openai_base_url, _key(settings))


def has_server(settings: Settings) -> bool:
    """Whether a server is set, so that there may be other models than that of LLM_MODEL."""
    return settings.openai_base_url is not None or settings.openai_api_key is not None


def chosen_of(offered: OfferedModel) -> ChosenModel:
    """A model that a server offers, as it is kept with what it was chosen for."""
    return ChosenModel(offered.name, offered.window_to_take)


def as_set(settings: Settings, model: ChosenModel) -> Settings:
    """The settings as if they named another model of the server; what they say of their own does not hold for it."""
    return settings.model_copy(
        update={
            "llm_model": model.name,
            "llm_context_window": model.window,
            "llm_tier": "auto",
            "llm_sees_images": "no" if settings.llm_sees_images == "no" else "auto",
        }
    )


def server_of(settings: Settings) -> str:
    """The model's server as it is remembered: without a password that its URL may hold."""
    return (settings.openai_base_url or OPENAI_URL).rpartition("@")[2]


def runs_on(settings: Settings) -> str:
    """Where the model runs, in words for people: this machine, or the host of its server; or both, if it has help."""
    if not can_be_of_server(settings.llm_model):
        is_helped = settings.llm_model_summaries is not None or settings.llm_model_timed is not None
        return f"this machine and {_host(settings)}" if is_helped else "this machine"
    return _host(settings)


def _host(settings: Settings) -> str:
    return urlsplit(settings.openai_base_url or OPENAI_URL).hostname or server_of(settings)


def known_prices(settings: Settings) -> Prices | None:
    """What the model of the settings costs in US dollars, where that is known: with OpenAI alone."""
    is_local = settings.llm_model == EMBEDDED or settings.model_is_file
    return None if is_local or server_of(settings) != OPENAI_URL else prices_of(settings.llm_model)


OpenEmbedder = WordLlamaEmbedder | OpenAIEmbedder | NoEmbedder


def open_embedder(settings: Settings) -> OpenEmbedder:
    """The embedder of the settings.

    Raises:
        ServiceMissing: it is not installed.
    """
    if settings.embedding_model == NO_EMBEDDER:
        return NoEmbedder()
    if settings.embedding_model == EMBEDDED:
        embedder_is_packaged()
        return WordLlamaEmbedder()
    return OpenAIEmbedder(
        settings.embedding_model,
        api_key=_key(settings),
        base_url=settings.openai_base_url,
        timeout_s=settings.llm_timeout_s,
    )


def meaning_of(embedder: OpenEmbedder) -> Embedder | None:
    """What makes vectors for stores; None: they are searched by words alone."""
    return None if isinstance(embedder, NoEmbedder) else embedder


@asynccontextmanager
async def open_stores(
    settings: Settings,
    database: Database,
    embedder: OpenEmbedder,
    now: Callable[[], datetime],
    *,
    loaded: Callable[[], None] = lambda: None,
) -> AsyncIterator[Stores]:
    """What is kept over a database, with the vector index of the settings; `loaded`: see `ChromaIndex`.

    Where they are left, the database is still open, and the embedder.
    """
    index: VectorIndex = ExactIndex(settings.vectors_path)
    if settings.memory_vector_index == "chroma":
        index = ChromaIndex(settings.vectors_path, loaded=loaded, blank=blank_memory)
    recall = RecallStorage(database, meaning_of(embedder))
    archival = ArchivalStorage(database, index, meaning_of(embedder), now)
    try:
        yield Stores.over(database, recall, archival, now)
    finally:
        await archival.close()
        await recall.close()


def remove_other_indexes(settings: Settings) -> None:
    """Leave nothing of the vectors that other settings kept: nobody would erase from them. Blocking."""
    remove_indexes(settings, kept=settings.vectors_path if settings.embedding_model != NO_EMBEDDER else None)


def remove_indexes(settings: Settings, kept: Path | None = None) -> None:
    """Remove the vectors of archival storage, whichever settings kept them; they can be made anew. Blocking."""
    for name in VECTOR_FILES.values():
        if (path := settings.bot_data_dir / name) != kept:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


def model_sees(settings: Settings) -> bool:
    """Whether the model is shown images: as the settings say, or as its name does; a local file is not."""
    if settings.llm_model == EMBEDDED or settings.model_is_file:
        return False
    return settings.llm_sees_images == "yes" or (settings.llm_sees_images == "auto" and sees_images(settings.llm_model))


def file_reader() -> DocumentReader:
    """What reads files that came with messages: code as well."""
    return ConvertedReader(kinds=ATTACHED)


def document_reader() -> DocumentReader:
    """What reads files that are loaded."""
    return ConvertedReader()


def web_pages(settings: Settings) -> WebPages:
    """What fetches pages of the web, if the settings allow it."""
    return WebPages(settings.bot_data_dir / "pages", settings.max_file_bytes, settings.bot_web_pages)


def _key(settings: Settings) -> str | None:
    return _secret(settings.openai_api_key)
