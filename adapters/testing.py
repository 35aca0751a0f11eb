"""A model server that answers from a script, over real HTTP on 127.0.0.1: for tests, benchmarks and demonstrations.

It speaks the part of OpenAI's chat completions and embeddings API that the bot uses.
Source: https://platform.openai.com/docs/api-reference/chat/object
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from aiohttp import web

Request = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP answer; `hangs` never comes."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] | None = None
    hangs: bool = False


def answer(text: str | None = None, *calls: tuple[str, Any], finish_reason: str | None = None, **usage: int) -> Reply:
    """A completion with a text and tool calls; a call is (name, arguments), the arguments a mapping or raw text."""
    tool_calls = [
        {
            "id": f"call_{number}",
            "type": "function",
            "function": {
                "name": name,
                "arguments": arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False),
            },
        }
        for number, (name, arguments) in enumerate(calls)
    ]
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if tool_calls:
        message["tool_calls"] = tool_calls
    choice = {
        "index": 0,
        "finish_reason": finish_reason or ("tool_calls" if calls else "stop"),
        "message": message,
    }
    return completion([choice], usage)


def completion(choices: list[Any], usage: Mapping[str, int] | None = None) -> Reply:
    """A completion with these choices, in whatever shape."""
    body: dict[str, Any] = {
        "id": "c",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": choices,
    }
    if usage:
        body["usage"] = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0} | dict(usage)
    return Reply(body=json.dumps(body).encode())


def says(message: str, *, thinks: str | None = None, heartbeat: bool = False) -> Reply:
    """A completion that calls `send_message`."""
    return answer(thinks, ("send_message", {"message": message, "request_heartbeat": heartbeat}))


def refuses(text: str | None, finish_reason: str = "stop") -> Reply:
    """A completion that declines to answer, as OpenAI's API marks it."""
    message = {"role": "assistant", "content": None, "refusal": text}
    return completion([{"index": 0, "finish_reason": finish_reason, "message": message}])


def fails(status: int, message: str = "out of order", **headers: str) -> Reply:
    """An error as OpenAI's API reports it."""
    body = json.dumps({"error": {"message": message, "type": "error", "code": None}}).encode()
    return Reply(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


class ScriptedServer:
    """Answers each request with the next reply of the script, or with what a function makes of it, at once or later.

    Attributes:
        requests: the JSON bodies received by `/chat/completions`, in order.
        cookies: what came with the last of them.
        models: what is listed, as entries of `/models`.
    """

    def __init__(self, script: Iterable[Reply] | Callable[[Request], Reply | Awaitable[Reply]] = ()) -> None:
        self._script = script if callable(script) else iter(script)
        self.requests: list[Request] = []
        self.cookies: str | None = None
        self.models: list[dict[str, Any]] = [{"id": "scripted", "object": "model"}]
        self._port = 0

    @property
    def url(self) -> str:
        """What `OPENAI_BASE_URL` is set to."""
        return f"http://127.0.0.1:{self._port}/v1"

    async def __aenter__(self) -> Self:
        """Listen on a free port."""
        app = web.Application(client_max_size=2**28)
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_post("/v1/embeddings", self._embed)
        app.router.add_get("/v1/models", self._list_models)
        self._runner = web.AppRunner(app, shutdown_timeout=0.05)  # 0 would mean for ever
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening."""
        await self._runner.cleanup()

    async def _complete(self, http_request: web.Request) -> web.Response:
        request = await http_request.json()
        self.requests.append(request)
        self.cookies = http_request.headers.get("cookie")
        if callable(self._script):
            made = self._script(request)
            reply = made if isinstance(made, Reply) else await made
        else:
            reply = next(self._script, fails(400, "the script has ended"))
        if reply.hangs:
            await asyncio.Event().wait()
        headers = {"content-type": "application/json", **(reply.headers or {})}
        return web.Response(status=reply.status, body=reply.body, headers=headers)

    async def _list_models(self, _: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": self.models})

    async def _embed(self, http_request: web.Request) -> web.Response:
        """Vectors that count letters: equal texts are equal, similar ones similar."""
        texts = (await http_request.json())["input"]
        data = [
            {
                "object": "embedding",
                "index": number,
                "embedding": [float(text.lower().count(chr(c))) for c in range(97, 123)],
            }
            for number, text in enumerate(texts)
        ]
        return web.json_response(
            {"object": "list", "data": data, "model": "m", "usage": {"prompt_tokens": 0, "total_tokens": 0}}
        )
