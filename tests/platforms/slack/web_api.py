"""Slack's Web API: who may call, with what, and errors in JSON; what the methods do stands beside.

https://docs.slack.dev/apis/web-api. A method that is not here is answered `unknown_method` and noted in `unknown`.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from aiohttp import web

from tests.platforms.slack.errors import Json, Refused, missing_scope
from tests.platforms.slack.faults import Faults
from tests.platforms.slack.state import State

PREFIX = "/api/"
IN_JSON = "attachments blocks chunks files loading_messages metadata prompts users_list view".split()
"""Arguments that are JSON even where the others are a form."""

Scope = str | Callable[[Json], str] | None


@dataclass(frozen=True, slots=True)
class Method:
    """What a method does, and the scope that it needs, which may depend on the arguments."""

    call: Callable[[Json], Json]
    scope: Scope = None
    is_of_app: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A call that came in, and how it was answered; 0 if the answer was lost. `error` is empty if it was done."""

    method: str
    args: Json
    status: int
    error: str
    headers: dict[str, str]


class WebApi:
    """See above.

    Attributes:
        calls: all that were answered, in order.
        unknown: methods that were asked for and are not here.
        broken: mistakes of the fake itself.
    """

    def __init__(self, state: State, faults: Faults, families: Iterable[dict[str, Method]]) -> None:
        self.calls: list[Call] = []
        self.unknown: list[str] = []
        self.broken: list[Exception] = []
        self._state = state
        self._faults = faults
        self._methods = {name: method for family in families for name, method in family.items()}

    def routes(self) -> list[web.RouteDef]:
        return [web.route(verb, f"{PREFIX}{{method}}", self._receive) for verb in ("GET", "POST")]

    async def _receive(self, request: web.Request) -> web.StreamResponse:
        name, args = request.match_info["method"], await _arguments(request)
        response: web.StreamResponse | None = None

        async def answer() -> web.StreamResponse:
            return self._told(name, self._answer(name, args, request.headers.get("Authorization", "")))

        try:
            place = str((args or {}).get("channel", (args or {}).get("channel_id", "")))
            response = await self._faults.run(request, name, place, answer)
            return response
        finally:
            status, error = outcome(request, response)
            self.calls.append(Call(name, args or {}, status, error, dict(request.headers)))
            self._state.stir()

    def _answer(self, name: str, args: Json | None, authorization: str) -> Json:
        if args is None:
            return {"ok": False, "error": "invalid_json"}
        try:
            method = self._methods.get(name)
            if any(fnmatchcase(name, pattern) for pattern in self._state.missing_methods):
                raise Refused("unknown_method", req_method=name)
            if method is None:
                self.unknown.append(name)
                raise Refused("unknown_method", req_method=name)
            self._authorize(method, authorization.removeprefix("Bearer ") or str(args.pop("token", "")))
            self._require_scope(method, args)
            return {"ok": True, **method.call(args)}
        except Refused as refused:
            return refused.body
        except Exception as error:
            self.broken.append(error)
            return {"ok": False, "error": "fatal_error"}

    def _authorize(self, method: Method, token: str) -> None:
        state = self._state
        if not token:
            raise Refused("not_authed")
        wanted, error = state.token, state.token_error
        other = state.app_token
        if method.is_of_app:
            wanted, other, error = other, wanted, state.app_token_error
        if token == other:
            raise Refused("not_allowed_token_type")
        if token != wanted or error is not None:
            raise Refused("invalid_auth" if token != wanted else str(error))

    def _require_scope(self, method: Method, args: Json) -> None:
        scope = method.scope(args) if callable(method.scope) else method.scope
        if scope is not None and scope not in self._state.scopes:
            raise missing_scope(scope, self._state.scopes)

    def _told(self, name: str, body: Json) -> web.Response:
        headers = {"x-slack-req-id": "0", "x-oauth-scopes": ",".join(sorted(self._state.scopes))}
        if name == "apps.connections.open":
            headers["x-oauth-scopes"] = "connections:write"
        return web.json_response(body, headers=headers)


def outcome(request: web.Request, response: web.StreamResponse | None) -> tuple[int, str]:
    """The status of an answer, 0 if it does not arrive, and the word of a refusal."""
    if response is None or request.transport is None or request.transport.is_closing():
        return 0, "lost"
    if isinstance(response, web.Response) and response.content_type == "application/json":
        return response.status, str(json.loads(response.text or "{}").get("error", ""))
    return response.status, "" if response.status < 400 else str(response.status)


async def _arguments(request: web.Request) -> Json | None:
    """What was sent: in the address, and as a form or JSON; None if it is no JSON."""
    args: Json = dict(request.query)
    try:
        if request.content_type == "application/json":
            sent = json.loads(await request.read() or b"{}")
            args |= sent if isinstance(sent, dict) else {}
        else:
            args |= {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
        for name in IN_JSON:
            if isinstance(args.get(name), str) and args[name][:1] in ("[", "{"):
                args[name] = json.loads(args[name])
    except ValueError:
        return None
    return args


def flag(args: Json, name: str) -> bool:
    """A yes or no, however it was sent."""
    return str(args.get(name, "")).lower() in ("1", "true")


def required(args: Json, *names: str) -> None:
    """Refuse a call that lacks an argument."""
    missing = [name for name in names if args.get(name) in (None, "")]
    if missing:
        messages = [f"[ERROR] missing required field: {name}" for name in missing]
        raise Refused("invalid_arguments", response_metadata={"messages": messages})
