"""A language model behind any server that speaks OpenAI's chat completions API.

Source: https://platform.openai.com/docs/api-reference/chat
"""

import asyncio
import logging
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from adapters.ports import (
    DEFAULT_SAMPLING,
    ChatMessage,
    Completion,
    ContextOverflow,
    ModelUnavailable,
    Sampling,
    ToolCall,
    ToolSchema,
    Usage,
)

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types.chat import ChatCompletion

logger = logging.getLogger(__name__)

MAX_RETRIES = 2
"""Retries of the SDK after connection errors, 408, 409, 429 and 5xx, with its back-off and the server's Retry-After."""

_OVERFLOW_SIGNS = (
    "context_length_exceeded",
    "context length",
    "context size",
    "context window",
    "exceed_context",
)


class OpenAIModel:
    """A `LanguageModel` over HTTP. The SDK is imported at the first call (or by `warm_up`): it takes a second.

    Args:
        name: the model's name, as the server knows it.
        api_key: None for a server that asks for none.
        base_url: None for OpenAI itself.
        context_window: tokens that prompt and answer share.
        timeout_s: the longest that one answer may take, retries included.
    """

    def __init__(
        self, name: str, *, api_key: str | None, base_url: str | None, context_window: int, timeout_s: float
    ) -> None:
        self._name = name
        self._api_key = api_key or "none"
        self._base_url = base_url
        self._context_window = context_window
        self._timeout_s = timeout_s

    @property
    def name(self) -> str:
        """See `LanguageModel`."""
        return self._name

    @property
    def context_window(self) -> int:
        """See `LanguageModel`."""
        return self._context_window

    async def warm_up(self) -> None:
        """Import the SDK and make the client, in a thread."""
        await asyncio.to_thread(lambda: self._client)

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
        import openai
        from openai.types.chat import ChatCompletion

        body = self._body(messages, tools, max_tokens, sampling)
        try:
            async with asyncio.timeout(self._timeout_s):
                # `post`, not `chat.completions.create`: that one walks the whole prompt against its type hints,
                # 0.25 ms of CPU per message; retries, time-outs and errors are the same.
                answer = await self._client.post("/chat/completions", cast_to=ChatCompletion, body=body)
        except (TimeoutError, openai.APITimeoutError) as error:
            raise ModelUnavailable(
                "My language model took too long to answer. Please try again in a moment.",
                f"no answer from {self._name} within {self._timeout_s:g} s",
            ) from error
        except openai.APIStatusError as error:
            raise self._status_error(error) from error
        except (openai.APIError, ValueError) as error:
            raise ModelUnavailable(
                "I cannot reach my language model right now. Please try again in a moment.",
                f"{self._name}: {type(error).__name__}: {error.__cause__ or error}",
            ) from error
        if not isinstance(answer, ChatCompletion):  # the SDK hands on a body that is not JSON as it came
            raise ModelUnavailable(
                "My language model's server gave an answer that I cannot read.",
                f"{self._name}: not a chat completion: {str(answer)[:200]!r}",
            )
        return _completion(answer)

    async def close(self) -> None:
        """See `LanguageModel`."""
        if "_client" in self.__dict__:
            await self._client.close()

    @cached_property
    def _client(self) -> "AsyncOpenAI":
        from openai import AsyncOpenAI

        return AsyncOpenAI(
            api_key=self._api_key, base_url=self._base_url, timeout=self._timeout_s, max_retries=MAX_RETRIES
        )

    def _body(
        self,
        messages: Sequence[ChatMessage],
        tools: Sequence[ToolSchema],
        max_tokens: int | None,
        sampling: Sampling,
    ) -> dict[str, Any]:
        body: dict[str, Any] = {"model": self._name, "messages": [_to_api(message) for message in messages]}
        if tools:
            body["tools"] = [
                {
                    "type": "function",
                    "function": {
                        "name": tool.name,
                        "description": tool.description,
                        "parameters": tool.parameters,
                    },
                }
                for tool in tools
            ]
        if max_tokens is not None:
            # OpenAI's newer models refuse the old name, many other servers know only that one.
            body["max_completion_tokens" if self._base_url is None else "max_tokens"] = max_tokens
        if sampling.temperature is not None:
            body["temperature"] = sampling.temperature
        if sampling.stop:
            body["stop"] = list(sampling.stop)
        return body | dict(sampling.extra or {})

    def _status_error(self, error: Any) -> ModelUnavailable | ContextOverflow:
        detail = f"{self._name}: HTTP {error.status_code}: {error.message}"
        if error.status_code in (400, 413) and any(sign in detail.lower() for sign in _OVERFLOW_SIGNS):
            return ContextOverflow("That was too much text for my language model at once.", detail)
        sentence = {
            401: "My language model refuses my key. Whoever runs me must check OPENAI_API_KEY.",
            403: "My language model refuses my key. Whoever runs me must check OPENAI_API_KEY.",
            404: f"The server does not know the model {self._name!r}. Whoever runs me must check LLM_MODEL.",
            429: "My language model is over its limit. Please try again in a while.",
        }.get(error.status_code, "My language model is out of order right now. Please try again in a moment.")
        return ModelUnavailable(sentence, detail)


def _to_api(message: ChatMessage) -> dict[str, Any]:
    entry: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        entry["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    if message.tool_call_id is not None:
        entry["tool_call_id"] = message.tool_call_id
    return entry


def _completion(answer: "ChatCompletion") -> Completion:
    """Read an answer leniently: servers leave out fields that the API says are always there."""
    usage = answer.usage
    details = usage.prompt_tokens_details if usage else None
    counted = (
        Usage(usage.prompt_tokens or 0, usage.completion_tokens or 0, (details and details.cached_tokens) or 0)
        if usage
        else None
    )
    if not answer.choices or answer.choices[0].message is None:
        return Completion(None, usage=counted)
    choice = answer.choices[0]
    calls = []
    for number, call in enumerate(choice.message.tool_calls or ()):
        function = getattr(call, "function", None)
        if function is not None:
            arguments = function.arguments if isinstance(function.arguments, str) else "{}"
            calls.append(ToolCall(call.id or f"call_{number}", str(function.name or ""), arguments))
    text = choice.message.content or getattr(choice.message, "refusal", None)
    return Completion(text or None, tuple(calls), counted, is_cut=choice.finish_reason == "length")
