"""A language model behind any server that speaks OpenAI's chat completions API.

Source: https://platform.openai.com/docs/api-reference/chat
"""

import asyncio
import json
import logging
import math
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from adapters.models.reachable import OPENAI_URL
from adapters.models.way_out import fault_of_way_out
from adapters.ports.errors import (
    AnswerWithheld,
    ContextOverflow,
    FeatureUnsupported,
    ImagesRefused,
    ModelError,
    ModelUnavailable,
    RequestRefused,
)
from adapters.ports.model import DEFAULT_SAMPLING, ChatMessage, Completion, Sampling, ToolCall, ToolSchema, Usage

if TYPE_CHECKING:
    from openai import AsyncOpenAI

logger = logging.getLogger(__name__)

MAX_RETRIES = 2
"""Retries of the SDK after connection errors, 408, 409, 429 and 5xx, with its back-off or a short Retry-After."""

NO_KEY = "none"
"""What the SDK is given for a server that asks for no key: it insists on one."""

_KNOWN_CHARS, _MOST_KNOWN = 4_000, 20_000
"""Which entries of prompts are kept as they were encoded, and how many: some 10 MB."""

FILTERED = "content_filter"
TEXT_PARTS = ("text", "output_text")

# In the code (OpenAI, llama.cpp) or in words alone: "prompt is too long: … tokens > …" (Anthropic), "input token count
# … exceeds" (Gemini), "`inputs` tokens + `max_new_tokens` must be <= …" (TGI), "reduce the length of the messages"
# (Groq), "maximum prompt length" (xAI), "too many tokens" (Cohere), "input is too long for requested model" (Bedrock).
# What exceeds has to be the prompt's tokens: `max_tokens` may be too many as well, and no shorter prompt mends that.
_OVERFLOW = re.compile(
    r"context[ _](?:length|size|window|limit)|exceed_context"
    r"|\b(?:prompt|input|messages?) (?:is|are) too long\b"
    r"|\b(?:inputs?|prompts?|messages|request)\b(?=.*\b(?:tokens?|length)\b).{0,60}\bexceed"
    r"|`inputs`.{0,40}(?:must be <=|less than)"
    r"|\breduce the length of (?:the|your) (?:messages|prompt|input)"
    r"|\bmaximum (?:prompt|input|sequence) length\b"
    r"|\btoo many (?:input |prompt )?tokens\b",
    re.IGNORECASE | re.DOTALL,
)
# Ollama: "… does not support tools"; llama.cpp: "tools param requires --jinja"; vLLM: "tool choice requires …"; OpenAI:
# "Unrecognized request argument supplied: response_format"; pydantic servers: "Extra inputs are not permitted: tools".
_FEATURE = r"\b(?:tools?|tool[_ ]choice|function[_ ]?call\w*|response_format|json_schema)\b"
_REFUSED = r"(?:(?:un)?support\w*|un(?:recognized|known|available)|not (?:allowed|permitted|enabled))\b"
_UNSUPPORTED = re.compile(
    rf"{_FEATURE}.*\b(?:{_REFUSED}|requires?\b)|\b{_REFUSED}.*{_FEATURE}", re.IGNORECASE | re.DOTALL
)

# llama.cpp answers 500 ("image input is not supported"), OpenRouter 404 ("no endpoints … that support image input").
_ON_IMAGES = re.compile(r"\b(?:images?|image_url|multi-?modal|vision|mmproj)\b", re.IGNORECASE)


class OpenAIModel:
    """A `LanguageModel` over HTTP. The SDK is imported at the first call (or by `warm_up`): it takes a second.

    Args:
        name: the model's name, as the server knows it.
        api_key: None for a server that asks for none.
        base_url: None for OpenAI itself.
        context_window: tokens that prompt and answer share.
        timeout_s: the longest that one answer may take, retries included.
        heeds_proxy: whether the environment's proxy stands between us and the server.
    """

    def __init__(
        self,
        name: str,
        *,
        api_key: str | None,
        base_url: str | None,
        context_window: int,
        timeout_s: float,
        heeds_proxy: bool = True,
    ) -> None:
        self._name = name
        self._api_key = api_key
        self._base_url = base_url
        self._heeds_proxy = heeds_proxy
        self._context_window = context_window
        self._timeout_s = timeout_s
        self._making = asyncio.Lock()
        self._tools: tuple[ToolSchema, ...] = ()
        self._tools_json = "[]"
        # A prompt repeats the one before but for its last entries, and each is the same object as then: the id finds
        # it in a quarter of the time that its hash takes, and stays its own as long as it is held here.
        self._known: dict[int, tuple[ChatMessage, str]] = {}

    @property
    def name(self) -> str:
        """See `LanguageModel`."""
        return self._name

    @property
    def context_window(self) -> int:
        """See `LanguageModel`."""
        return self._context_window

    async def warm_up(self) -> None:
        """Import the SDK and make the client, in a thread.

        Raises:
            ModelUnavailable: the environment lets no call out.
        """
        async with self._making:
            if "_client" not in self.__dict__ and (fault := await asyncio.to_thread(self._fault_of_client)):
                raise ModelUnavailable("I cannot reach my language model right now.", f"{self._name}: {fault}")

    def _fault_of_client(self) -> str | None:
        import httpx2

        try:
            if self._heeds_proxy and (fault := fault_of_way_out(self._base_url or OPENAI_URL)) is not None:
                return fault
            _ = self._client
        except (OSError, ValueError, httpx2.InvalidURL) as error:  # of a proxy that is no URL, for one
            return f"{type(error).__name__}: {error}"
        return None

    async def complete(
        self,
        messages: Sequence[ChatMessage],
        tools: Sequence[ToolSchema] = (),
        *,
        max_tokens: int | None = None,
        sampling: Sampling = DEFAULT_SAMPLING,
    ) -> Completion:
        """See `LanguageModel`."""
        await self.warm_up()
        import aiohttp
        import httpx2
        import openai

        content = self._body(messages, tools, max_tokens, sampling)
        try:
            async with asyncio.timeout(self._timeout_s):
                # `post`, not `chat.completions.create`: that one walks the whole prompt against its type hints,
                # 0.25 ms of CPU for each entry; retries, time-outs and errors are the same.
                answer = await self._client.post("/chat/completions", cast_to=object, content=content)
        except TimeoutError as error:
            raise self._too_slow() from error
        except openai.APIStatusError as error:
            raise self._status_error(error, shows_images=any(message.images for message in messages)) from error
        except (openai.APIError, aiohttp.ClientError) as error:
            cause = _cause(error)  # what SDK and client make of it does not tell one that is slow from one gone
            if isinstance(cause, aiohttp.ServerTimeoutError) and not isinstance(cause, aiohttp.ConnectionTimeoutError):
                raise self._too_slow() from error
            raise ModelUnavailable(
                "I cannot reach my language model right now.",
                f"{self._name}: {type(cause).__name__}: {' '.join(str(cause).split())[:300]}",
                is_billed=not isinstance(
                    cause,
                    aiohttp.ClientConnectorError
                    | aiohttp.ConnectionTimeoutError
                    | aiohttp.ClientHttpProxyError  # refused by a proxy on the way
                    | aiohttp.InvalidURL
                    | httpx2.UnsupportedProtocol,
                ),
            ) from error
        except (ValueError, RecursionError) as error:  # the second: nested too deeply
            raise self._unreadable(f"not JSON: {error}") from error
        # The SDK hands on a body that is not JSON as it came; some servers report an error with status 200.
        if not isinstance(answer, dict) or (answer.get("error") and not answer.get("choices")):
            logger.debug("not a chat completion: %s", str(answer)[:1000])
            raise self._unreadable("not a chat completion")
        read = _completion(answer)
        if read.is_refusal and not read.text:
            raise self._withheld("the content filter left nothing of the answer", is_billed=True, usage=read.usage)
        return read

    async def close(self) -> None:
        """See `LanguageModel`."""
        if "_client" in self.__dict__:
            await self._client.close()

    @cached_property
    def _client(self) -> "AsyncOpenAI":
        from openai import AsyncOpenAI

        from adapters.models.model_http import ModelHttp

        return AsyncOpenAI(
            api_key=self._api_key or NO_KEY,
            base_url=self._base_url or OPENAI_URL,
            timeout=self._timeout_s,
            max_retries=MAX_RETRIES,
            http_client=ModelHttp(heeds_environment=self._heeds_proxy),
        )

    def _body(
        self, messages: Sequence[ChatMessage], tools: Sequence[ToolSchema], max_tokens: int | None, sampling: Sampling
    ) -> bytes:
        rest: dict[str, Any] = {"model": self._name}
        if max_tokens is not None:
            # OpenAI's newer models refuse the old name, many other servers know only that one.
            rest["max_completion_tokens" if self._base_url is None else "max_tokens"] = max_tokens
        if sampling.temperature is not None:
            rest["temperature"] = sampling.temperature
        if sampling.stop:
            rest["stop"] = list(sampling.stop)
        rest |= sampling.extra or {}
        entries = ",".join(
            [known[1] if (known := self._known.get(id(m))) is not None else self._encode(m) for m in messages]
        )
        listed = f',"tools":{self._encoded_tools(tuple(tools))}' if tools else ""
        return f'{json.dumps(rest)[:-1]},"messages":[{entries}]{listed}}}'.encode("utf-8", "replace")

    def _encode(self, message: ChatMessage) -> str:
        encoded = _encoded(message)
        if len(encoded) < _KNOWN_CHARS:  # long entries are not worth their memory
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[id(message)] = (message, encoded)
        return encoded

    def _encoded_tools(self, tools: tuple[ToolSchema, ...]) -> str:
        if tools is not self._tools and tools != self._tools:
            functions = [
                {"name": tool.name, "description": tool.description, "parameters": tool.parameters} for tool in tools
            ]
            self._tools = tools
            self._tools_json = json.dumps([{"type": "function", "function": function} for function in functions])
        return self._tools_json

    def _status_error(self, error: Any, *, shows_images: bool) -> ModelError:
        said = without_key(error.message, self._api_key)
        logger.debug("the server said: %s", said)
        # What it says of a request may repeat what people wrote; what it says of itself may not.
        # llama.cpp repeats the status as the code.
        named = next(
            (str(name) for name in (error.code, error.type) if name and str(name) != str(error.status_code)), ""
        )
        shown = named if error.status_code in (400, 413, 422) else said[:300]
        detail = f"{self._name}: HTTP {error.status_code} {shown}".rstrip()
        overflow = ContextOverflow("That was too much text for my language model at once.", detail)
        words = _words(error)
        if error.status_code in (400, 413, 422, 500) and _OVERFLOW.search(f"{error.code} {error.type} {words}"):
            return overflow
        if error.code == FILTERED:  # Azure refuses a prompt so
            return self._withheld(f"HTTP {error.status_code} {shown}")
        if shows_images and (error.status_code in (400, 413, 415, 422) or _ON_IMAGES.search(words)):
            return ImagesRefused("My language model cannot take these images.", detail)
        if error.status_code == 413:  # whoever says so, a proxy perhaps: a shorter prompt is the only thing to try
            return overflow
        if error.status_code in (400, 404, 422, 500, 501) and _UNSUPPORTED.search(words):
            return FeatureUnsupported("My language model cannot do what I ask of it.", detail)
        if error.status_code in (400, 422):
            return RequestRefused("My language model cannot take this. Whoever runs me must look at the log.", detail)
        sentence = {
            401: "My language model refuses my key. Whoever runs me must check OPENAI_API_KEY.",
            403: "My language model refuses my key. Whoever runs me must check OPENAI_API_KEY.",
            404: f"The server has no model {self._name!r}. Whoever runs me must check LLM_MODEL, or `/agent model`.",
            429: "My language model is over its limit.",
        }.get(error.status_code, "My language model is out of order right now.")
        return ModelUnavailable(sentence, detail, _retry_after(error.response))

    def _withheld(self, detail: str, *, is_billed: bool = False, usage: Usage | None = None) -> AnswerWithheld:
        sentence = "A content filter stopped my answer to that. Please put it in other words."
        return AnswerWithheld(sentence, f"{self._name}: {detail}", is_billed=is_billed, usage=usage)

    def _too_slow(self) -> ModelUnavailable:
        detail = f"no answer from {self._name} within {self._timeout_s:g} s"
        return ModelUnavailable("My language model took too long to answer.", detail, is_billed=True)

    def _unreadable(self, detail: str) -> ModelUnavailable:
        sentence = "My language model's server gave an answer that I cannot read."
        return ModelUnavailable(sentence, f"{self._name}: {without_key(detail, self._api_key)}", is_billed=True)


def _retry_after(response: Any) -> float | None:
    """The seconds that a server asks us to wait; a date, as HTTP allows, is left to our own back-off."""
    try:
        seconds = float(response.headers.get("retry-after"))
    except (TypeError, ValueError):
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _words(error: Any) -> str:
    """What a server says of a request, without the request: FastAPI repeats it whole beside each fault."""
    told = error.body
    if isinstance(told, dict):
        told = told.get("message") or told.get("detail")
    if isinstance(told, list):
        told = " ".join(str(_object(fault).get("msg") or "") for fault in told)
    return told if isinstance(told, str) else str(error.message)


def _cause(error: Exception) -> BaseException:
    """What the connection's own error says, if it was one."""
    import aiohttp

    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, aiohttp.ClientError):
        cause = cause.__cause__
    return cause or error.__cause__ or error


def without_key(text: str, api_key: str | None) -> str:
    """A server's words, fit for the log: some repeat the key that they refuse."""
    return text.replace(api_key, "[the key]") if api_key else text


def _encoded(message: ChatMessage) -> str:
    entry: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.images:
        shown = [{"type": "image_url", "image_url": {"url": image.url}} for image in message.images]
        entry["content"] = [{"type": "text", "text": message.content or ""}, *shown]
    if message.tool_calls:
        entry["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    if message.tool_call_id is not None:
        entry["tool_call_id"] = message.tool_call_id
    return json.dumps(entry, ensure_ascii=False)


def _completion(answer: Mapping[str, Any]) -> Completion:
    """Read an answer leniently: servers leave out fields that the API says are always there."""
    choice = _object(next(iter(_list(answer.get("choices"))), None))
    message = _object(choice.get("message"))
    calls = []
    for number, entry in enumerate(_list(message.get("tool_calls"))):
        call = _object(entry)
        if function := _object(call.get("function")):
            id_ = str(call.get("id") or f"call_{number}")
            calls.append(ToolCall(id_, str(function.get("name") or ""), _arguments(function.get("arguments"))))
    refusal, finish = _text(message.get("refusal")), choice.get("finish_reason")
    text, usage = refusal or _text(message.get("content")), _usage(_object(answer.get("usage")))
    if refusal or (finish == FILTERED and not calls):
        return Completion(text or None, usage=usage, is_refusal=True)
    return Completion(text or None, tuple(calls), usage, is_cut=finish == "length")


def _usage(usage: Mapping[str, Any]) -> Usage | None:
    cached = _object(usage.get("prompt_tokens_details")).get("cached_tokens")
    counts = (usage.get("prompt_tokens"), usage.get("completion_tokens"), cached)
    return Usage(*(count if isinstance(count, int) else 0 for count in counts)) if usage else None


def _text(content: object) -> str:
    """A text, or the texts of a list of parts, but for those that hold reasoning."""
    if isinstance(content, str):
        return content
    parts = [_object(part) for part in _list(content)]
    return "".join(str(part.get("text") or "") for part in parts if part.get("type", "text") in TEXT_PARTS)


def _arguments(arguments: object) -> str:
    """The JSON text that it should be, of what some servers have already decoded."""
    return arguments if isinstance(arguments, str) else json.dumps(arguments or {}, ensure_ascii=False)


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else ()
