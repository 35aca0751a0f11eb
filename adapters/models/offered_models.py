"""The models that a server offers, with their context windows as far as it tells.

The list is OpenAI's `/models`. Windows stand in it under a name of each server's own, or elsewhere: llama.cpp tells the
one that it has loaded in `/props`, LM Studio in `/api/v0/models`, Ollama in `/api/ps` and `/api/show`.

Sources: https://platform.openai.com/docs/api-reference/models/list,
https://github.com/ggml-org/llama.cpp/tree/master/tools/server, https://lmstudio.ai/docs/developer/rest/endpoints,
https://github.com/ollama/ollama/blob/main/docs/api.md
"""

import re
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from adapters.models.known_models import known_window_of
from adapters.models.openai_model import NO_KEY, without_key
from adapters.models.reachable import OPENAI_URL
from adapters.ports.errors import ServiceMissing
from config.settings import UNKNOWN_MODEL_WINDOW

if TYPE_CHECKING:
    import httpx2

TIMEOUT_S = 20.0
MOST_ASKED = 50
"""Of so many models Ollama is asked one by one."""

_LATEST = ":latest"
"""The tag that Ollama lists, and lets people leave out (docs/api.md, "Model names")."""

_NUMBER = re.compile("[0-9]{1,9}")

_IN_LIST = (
    "max_model_len",  # vLLM, SGLang
    "context_length",  # OpenRouter, Together, Fireworks
    "context_window",  # Groq
    "max_context_length",  # Mistral, LM Studio
    "max_input_tokens",  # Anthropic
)
"""What the window is called in an entry of the list."""


class WindowTold(StrEnum):
    """How a window is known."""

    AS_SET = "LLM_CONTEXT_WINDOW"
    AS_SERVED = "as the server runs it"
    AT_MOST = "at most; the server may run it with less"
    BY_NAME = "known of a model of this name"
    NOT = "not told"


@dataclass(frozen=True, slots=True)
class OfferedModel:
    """A model by the name that its server knows it by, with its window in tokens."""

    name: str
    window: int | None = None
    told: WindowTold = WindowTold.NOT

    @property
    def window_to_take(self) -> int:
        """Its window as far as that is certain: a server may run it with less than the most that it can take."""
        if self.told is WindowTold.AT_MOST:
            return min(self.window or UNKNOWN_MODEL_WINDOW, UNKNOWN_MODEL_WINDOW)
        return self.window or UNKNOWN_MODEL_WINDOW


async def offered_models(
    base_url: str | None, api_key: str | None, *, wanted: str | None = None
) -> tuple[OfferedModel, ...]:
    """What a server offers, in its own order.

    Args:
        base_url: None for OpenAI itself.
        api_key: None for a server that asks for none.
        wanted: the one whose window is wanted, for which less may have to be asked; None for all.

    Raises:
        ServiceMissing: it cannot be reached, refuses the key, or gives no list.
    """
    import httpx2

    url = (base_url or OPENAI_URL).rstrip("/")
    headers = {"Authorization": f"Bearer {api_key or NO_KEY}"}
    try:
        # Where nothing is encrypted nobody is trusted: to read whom one could trust takes 25 ms and 10 MB.
        trusted = True if url.startswith("https:") else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        async with httpx2.AsyncClient(headers=headers, timeout=TIMEOUT_S, verify=trusted) as client:
            listed = _entries(await _answer(client, f"{url}/models"))
            if listed is None:
                raise ValueError("no list")
            models = {str(entry["id"]): _of_entry(entry) for entry in listed if entry.get("id")}
            untold = [
                name
                for name, model in models.items()
                if model.told is not WindowTold.AS_SERVED and wanted in (None, name, name.removesuffix(_LATEST))
            ]
            if base_url is not None and untold:
                models |= await _told_elsewhere(client, url.removesuffix("/v1"), models, untold)
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ServiceMissing(_fault(error, url, api_key)) from error
    return tuple(models.values())


def _of_entry(entry: Mapping[str, Any]) -> OfferedModel:
    name = str(entry["id"])
    for key in _IN_LIST:
        if (window := _tokens(entry.get(key))) is not None:
            return OfferedModel(name, window, WindowTold.AS_SERVED)
    meta = entry.get("meta")
    if isinstance(meta, dict):  # llama.cpp; newer ones tell what they run with
        if (window := _tokens(meta.get("n_ctx"))) is not None:
            return OfferedModel(name, window, WindowTold.AS_SERVED)
        if (window := _tokens(meta.get("n_ctx_train"))) is not None:
            return OfferedModel(name, window, WindowTold.AT_MOST)
    return known_by_name(name)


def offered_as(name: str, offered: Sequence[OfferedModel]) -> OfferedModel | None:
    """What a server has when it is asked for a model by a name; by that name, and None if it has none."""
    by_name = {model.name: model for model in offered}
    found = by_name.get(name) or by_name.get(f"{name}{_LATEST}")
    return None if found is None else replace(found, name=name)


def known_by_name(name: str) -> OfferedModel:
    """A model of which its server tells nothing."""
    window = known_window_of(name)
    return OfferedModel(name, window, WindowTold.NOT if window is None else WindowTold.BY_NAME)


async def _told_elsewhere(
    client: "httpx2.AsyncClient", root: str, models: Mapping[str, OfferedModel], untold: Sequence[str]
) -> dict[str, OfferedModel]:
    """What servers that run on people's own machines tell beside the list; empty of any other."""
    if len(models) == 1 and (window := await _by_props(client, root)) is not None:
        name = next(iter(models))
        return {name: OfferedModel(name, window, WindowTold.AS_SERVED)}
    return await _by_lm_studio(client, root, untold) or await _by_ollama(client, root, untold)


async def _by_props(client: "httpx2.AsyncClient", root: str) -> int | None:
    """The window that llama.cpp has loaded its one model with."""
    props = await _if_any(client, f"{root}/props")
    settings = props.get("default_generation_settings") if isinstance(props, dict) else None
    return _tokens(settings.get("n_ctx")) if isinstance(settings, dict) else None


async def _by_lm_studio(client: "httpx2.AsyncClient", root: str, names: Sequence[str]) -> dict[str, OfferedModel]:
    told = {}
    for entry in _entries(await _if_any(client, f"{root}/api/v0/models")) or ():
        name = str(entry.get("id"))
        if name not in names:
            continue
        if (window := _tokens(entry.get("loaded_context_length"))) is not None:
            told[name] = OfferedModel(name, window, WindowTold.AS_SERVED)
        elif (window := _tokens(entry.get("max_context_length"))) is not None:
            told[name] = OfferedModel(name, window, WindowTold.AT_MOST)
    return told


async def _by_ollama(client: "httpx2.AsyncClient", root: str, names: Sequence[str]) -> dict[str, OfferedModel]:
    loaded = await _if_any(client, f"{root}/api/ps")
    if not isinstance(loaded, dict) or not isinstance(loaded.get("models"), list):
        return {}
    windows = {
        str(entry.get("name")): window
        for entry in loaded["models"]
        if isinstance(entry, dict) and (window := _tokens(entry.get("context_length"))) is not None
    }
    told = {name: OfferedModel(name, windows[name], WindowTold.AS_SERVED) for name in names if name in windows}
    for name in [name for name in names if name not in windows][:MOST_ASKED]:
        shown = await _if_any(client, f"{root}/api/show", {"model": name})
        info = shown.get("model_info") if isinstance(shown, dict) else None
        if not isinstance(info, dict):
            continue
        most = (_tokens(value) for key, value in info.items() if str(key).endswith(".context_length"))
        if (window := next(most, None)) is not None:
            told[name] = OfferedModel(name, window, WindowTold.AT_MOST)
    return told


async def _answer(client: "httpx2.AsyncClient", url: str, body: object = None) -> Any:
    response = await (client.get(url) if body is None else client.post(url, json=body))
    response.raise_for_status()
    return response.json()


async def _if_any(client: "httpx2.AsyncClient", url: str, body: object = None) -> Any:
    """The answer of an endpoint that few servers have, or nothing."""
    import httpx2

    try:
        return await _answer(client, url, body)
    except (httpx2.HTTPError, ValueError, RecursionError):
        return None


def _entries(listed: Any) -> list[dict[str, Any]] | None:
    """Of a list in OpenAI's form, or None if it is none; some servers leave out the wrapping."""
    data = listed.get("data", listed) if isinstance(listed, dict) else listed
    if data is None and isinstance(listed, dict):  # Ollama without a model
        return []
    return [entry for entry in data if isinstance(entry, dict)] if isinstance(data, list) else None


def _tokens(value: object) -> int | None:
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _fault(error: Exception, url: str, api_key: str | None) -> str:
    import httpx2

    shown = url.rpartition("@")[2]  # without a password that it may hold
    if isinstance(error, httpx2.HTTPStatusError):
        if error.response.status_code in (401, 403):
            return f"{shown}: the key is refused; check OPENAI_API_KEY."
        return f"{shown}: gives no list of models (HTTP {error.response.status_code}); check OPENAI_BASE_URL."
    if isinstance(error, httpx2.ConnectError):
        return f"{shown}: nothing answers there; start the server, or correct OPENAI_BASE_URL."
    if isinstance(error, httpx2.HTTPError | httpx2.InvalidURL):
        said = without_key(" ".join(str(error).split()), api_key)
        return f"{shown}: gives no list of models ({type(error).__name__}{f': {said}' if said else ''})."
    return f"{shown}: gives an answer that is no list of models; check OPENAI_BASE_URL."
