"""Discord's REST API, version 10, as far as a chat bot uses it: who may ask, what was asked, and errors in JSON.

https://docs.discord.com/developers/reference. A route that is not here is answered 404 and noted in `unknown`.
"""

import json
import mimetypes
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import BodyPartReader, web

from tests.platforms.discord import payloads
from tests.platforms.discord.errors import Json, Refused, bad_form, unauthorized, unknown_channel, unknown_message
from tests.platforms.discord.faults import Faults, answer
from tests.platforms.discord.state import FILE_HOLDS, State
from tests.platforms.discord.things import Attachment, Channel, Guild, Message, User

PREFIX = "/api/v10"
MOST_GUILDS = 200
"""As many as the bot is told of at once."""
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
File = tuple[str, bytes, str]
"""A file that comes in: its name, its content and its type."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request that came in, and the status that it was answered with."""

    route: str
    status: int
    headers: dict[str, str]


class Rest:
    """The middleware around all routes, and those that are about no message.

    Attributes:
        requests: all that were answered, in order.
        unknown: routes that were asked for and are not here.
        broken: mistakes of the fake itself.
    """

    def __init__(self, state: State, faults: Faults) -> None:
        self.requests: list[Request] = []
        self.unknown: list[str] = []
        self.broken: list[Exception] = []
        self.gateway_url = ""
        self.shards = 1
        self._state = state
        self._faults = faults

    def routes(self) -> list[web.RouteDef]:
        """What is about the bot, the people and the guilds, and the files."""
        return [
            web.get(f"{PREFIX}/users/@me", self._me),
            web.get(f"{PREFIX}/users/@me/guilds", self._guilds),
            web.get(f"{PREFIX}/users/{{user}}", self._user),
            web.post(f"{PREFIX}/users/@me/channels", self._open_dm),
            web.delete(f"{PREFIX}/users/@me/guilds/{{guild}}", self._leave_guild),
            web.get(f"{PREFIX}/oauth2/applications/@me", self._application),
            web.get(f"{PREFIX}/applications/@me", self._application),
            web.get(f"{PREFIX}/gateway/bot", self._gateway),
            web.get(f"{PREFIX}/guilds/{{guild}}", self._guild),
            web.get(f"{PREFIX}/guilds/{{guild}}/channels", self._channels),
            web.get(f"{PREFIX}/guilds/{{guild}}/members/{{user}}", self._member),
            web.get("/attachments/{file}/{name}", self._file),
        ]

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Everything that befalls a request before and after its route."""
        if not request.path.startswith(PREFIX):
            return await self._fetch(request, handler)
        route = f"{request.method} {request.path.removeprefix(PREFIX)}"
        status = 0
        try:
            response = await self._faults.run(request, route, lambda request: self._answer(request, route, handler))
            status = response.status
            return response
        finally:
            self.requests.append(Request(route, status, dict(request.headers)))
            self._state.stir()

    async def _fetch(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """A file: whoever has its address may have it, and no limit of requests holds."""
        route, status = f"{request.method} {request.path}", 0
        if not request.path.startswith("/attachments/"):
            return await handler(request)
        try:
            response = await self._faults.run(request, route, handler)
            status = response.status
            return response
        finally:
            self.requests.append(Request(route, status, dict(request.headers)))
            self._state.stir()

    async def _answer(self, request: web.Request, route: str, handler: Handler) -> web.StreamResponse:
        try:
            self._authorize(request)
            return await handler(request)
        except Refused as refused:
            return answer(refused.body, refused.status)
        except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
            self.unknown.append(route)
            return answer({"message": "404: Not Found", "code": 0}, 404)
        except (OSError, web.RequestPayloadError):
            raise  # the bot has gone while it asked
        except Exception as error:
            self.broken.append(error)  # 501, since after a 500 the library would ask again for half a minute
            return answer({"message": repr(error), "code": 0}, 501)

    def _authorize(self, request: web.Request) -> None:
        """Whoever answers an interaction shows its token in the address instead."""
        by_address = request.path.startswith((f"{PREFIX}/interactions/", f"{PREFIX}/webhooks/"))
        if not by_address and request.headers.get("Authorization") != f"Bot {self._state.token}":
            raise unauthorized()

    # ── the bot, people, guilds ──────────────────────────────────────────────────────────────────────

    async def _me(self, request: web.Request) -> web.Response:
        return answer(payloads.user(self._state.bot))

    async def _guilds(self, request: web.Request) -> web.Response:
        """The guilds of the bot by their ids; without what channels of them take away or give."""
        after, most = int(request.query.get("after", 0)), int(request.query.get("limit", MOST_GUILDS))
        bot = self._state.bot
        if not 1 <= most <= MOST_GUILDS:
            raise bad_form("limit", f"int value should be between 1 and {MOST_GUILDS}.", "NUMBER_TYPE_MAX")
        found = [it for id_, it in sorted(self._state.guilds.items()) if id_ > after and bot.id in it.members]
        return answer([payloads.own_guild(it, bot) for it in found[:most]])

    async def _user(self, request: web.Request) -> web.Response:
        return answer(payloads.user(self._find_user(request)))

    async def _open_dm(self, request: web.Request) -> web.Response:
        body, _ = await form(request)
        person = self._state.users.get(int(body["recipient_id"]))
        if person is None or person is self._state.bot:
            raise Refused(400, 50033, "Invalid Recipient(s)")
        return answer(payloads.channel(self._state.dm_with(person)))

    async def _leave_guild(self, request: web.Request) -> web.Response:
        guild = self._find_guild(request)
        self._state.emit("GUILD_DELETE", {"id": str(guild.id)}, guild=guild)
        del guild.members[self._state.bot.id]
        return nothing()

    async def _application(self, request: web.Request) -> web.Response:
        state = self._state
        return answer(payloads.application(state.bot, state.owner, state.granted))

    async def _gateway(self, request: web.Request) -> web.Response:
        limit = {"total": 1000, "remaining": 1000, "reset_after": 0, "max_concurrency": 1}
        return answer({"url": self.gateway_url, "shards": self.shards, "session_start_limit": limit})

    async def _guild(self, request: web.Request) -> web.Response:
        found = payloads.guild(self._find_guild(request))
        return answer({name: value for name, value in found.items() if name not in ("members", "channels", "threads")})

    async def _channels(self, request: web.Request) -> web.Response:
        return answer(payloads.guild(self._find_guild(request))["channels"])

    async def _member(self, request: web.Request) -> web.Response:
        guild, person = self._find_guild(request), self._find_user(request)
        if person.id not in guild.members:
            raise Refused(404, 10007, "Unknown Member")
        return answer(payloads.member(guild, person))

    async def _file(self, request: web.Request) -> web.Response:
        file: Attachment | None = self._state.files.get(int(request.match_info["file"]))
        if file is None or self._state.clock.now() > file.added_at + FILE_HOLDS:
            return web.Response(status=404, text="This content is no longer available.")
        return web.Response(body=file.content, headers={"Content-Type": file.content_type})

    def _find_user(self, request: web.Request) -> User:
        if (found := self._state.users.get(number(request, "user"))) is None:
            raise Refused(404, 10013, "Unknown User")
        return found

    def _find_guild(self, request: web.Request) -> Guild:
        found = self._state.guilds.get(number(request, "guild"))
        if found is None or self._state.bot.id not in found.members:
            raise Refused(404, 10004, "Unknown Guild")
        return found


# ── what all routes need ─────────────────────────────────────────────────────────────────────────────


def nothing() -> web.Response:
    """Done, and nothing to say."""
    return web.Response(status=204)


def number(request: web.Request, name: str) -> int:
    """An id in the address; what is none names nothing."""
    text = request.match_info[name]
    return int(text) if text.isdecimal() else 0


async def form(request: web.Request) -> tuple[Json, list[File]]:
    """What was sent: JSON, or `payload_json` with files beside it."""
    if request.content_type != "multipart/form-data":
        return (_parsed(await request.read()) if request.can_read_body else {}), []
    body: Json = {}
    files: list[File] = []
    async for part in await request.multipart():
        assert isinstance(part, BodyPartReader), "no form within a form"
        content = bytes(await part.read())
        if part.name == "payload_json":
            body = _parsed(content)
        else:
            files.append((part.filename or "unknown", content, _type_of(part.filename or "")))
    return body, files


def _parsed(content: bytes) -> Json:
    try:
        return dict(json.loads(content))
    except ValueError as error:
        raise Refused(400, 50109, "The request body contains invalid JSON.") from error


def _type_of(filename: str) -> str:
    """Discord tells the type by the name, whatever the sender says."""
    return mimetypes.guess_type(filename)[0] or "application/octet-stream"


def find_channel(state: State, request: web.Request) -> Channel:
    """The channel in the address."""
    found = state.channels.get(number(request, "channel"))
    if found is None:
        raise unknown_channel()
    return found


def find_message(state: State, request: web.Request) -> Message:
    """The message in the address; what only one person sees is not found that way."""
    found = find_channel(state, request).messages.get(number(request, "message"))
    if found is None or found.visible_to is not None:
        raise unknown_message()
    return found
