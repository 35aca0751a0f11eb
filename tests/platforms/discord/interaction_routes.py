"""REST routes about commands, and about interactions: what people did with them, and the bot's answers.

https://docs.discord.com/developers/interactions/receiving-and-responding. The first answer is due within three seconds;
then the token is good for a quarter of an hour.
"""

from datetime import timedelta
from enum import IntEnum

from aiohttp import web

from tests.platforms.discord import checks, payloads
from tests.platforms.discord.errors import Json, Refused, unknown_interaction, unknown_message
from tests.platforms.discord.faults import answer
from tests.platforms.discord.message_routes import edit, post
from tests.platforms.discord.rest import PREFIX, File, form, nothing, number
from tests.platforms.discord.state import State
from tests.platforms.discord.things import EPHEMERAL, LOADING, Interaction, Message

ANSWER_WITHIN = timedelta(seconds=3)
TOKEN_HOLDS = timedelta(minutes=15)


class Answer(IntEnum):
    """Types of answers."""

    MESSAGE = 4
    DEFERRED_MESSAGE = 5
    DEFERRED_UPDATE = 6
    UPDATE = 7
    CHOICES = 8
    MODAL = 9


class InteractionRoutes:
    """What the bot answers to what people did."""

    def __init__(self, state: State) -> None:
        self._state = state

    def routes(self) -> list[web.RouteDef]:
        application = f"{PREFIX}/applications/{{application}}"
        routes = [web.post(f"{PREFIX}/interactions/{{interaction}}/{{token}}/callback", self._answer)]
        for commands in (f"{application}/commands", f"{application}/guilds/{{guild}}/commands"):
            routes += [
                web.get(commands, self._commands),
                web.put(commands, self._replace_commands),
                web.post(commands, self._add_command),
                web.get(f"{commands}/{{command}}", self._command),
                web.patch(f"{commands}/{{command}}", self._change_command),
                web.delete(f"{commands}/{{command}}", self._delete_command),
            ]
        webhook = f"{PREFIX}/webhooks/{{application}}/{{token}}"
        message = f"{webhook}/messages/{{message}}"
        return [
            *routes,
            web.post(webhook, self._follow_up),
            web.get(message, self._message),
            web.patch(message, self._edit),
            web.delete(message, self._delete),
        ]

    # ── answers ──────────────────────────────────────────────────────────────────────────────────────

    async def _answer(self, request: web.Request) -> web.Response:
        body, files = await form(request)
        asked = self._state.interactions.get(request.match_info["token"])
        if asked is None or asked.id != number(request, "interaction"):
            raise unknown_interaction()
        if asked.answer is not None:
            raise Refused(400, 40060, "Interaction has already been acknowledged.")
        if self._state.clock.now() > asked.created_at + ANSWER_WITHIN:
            raise unknown_interaction()
        message = self._take(asked, Answer(body["type"]), body.get("data") or {}, files)
        if request.query.get("with_response") not in ("1", "true"):
            return nothing()
        return answer(self._told(asked, message))

    def _take(self, asked: Interaction, kind: Answer, body: Json, files: list[File]) -> Message | None:
        match kind:
            case Answer.MESSAGE:
                asked.original = self._post(asked, body, files)
            case Answer.DEFERRED_MESSAGE:
                asked.original = self._post(asked, {"flags": body.get("flags", 0)}, [], flags=LOADING)
            case Answer.DEFERRED_UPDATE | Answer.UPDATE if asked.message is not None:
                asked.original = asked.message
                if kind is Answer.UPDATE:
                    edit(self._state, asked.message, body, files)
            case Answer.CHOICES:
                checks.choices(body["choices"])
                asked.choices = body["choices"]
            case Answer.MODAL:
                checks.modal(body)
                asked.modal = body
            case _:
                raise Refused(400, 50035, "Invalid Form Body")
        asked.answer = kind
        self._state.stir()
        return asked.original

    def _post(self, asked: Interaction, body: Json, files: list[File], *, flags: int = 0) -> Message:
        if not flags:
            checks.message(body, files=files)
        only = asked.person if body.get("flags", 0) & EPHEMERAL else None
        flags |= EPHEMERAL if only else 0
        return post(self._state, asked.channel, body, files, flags=flags, visible_to=only, answers=asked)

    def _told(self, asked: Interaction, message: Message | None) -> Json:
        told: Json = {"id": str(asked.id), "type": int(asked.asked)}
        resource: Json = {"type": asked.answer}
        if message is not None:
            told |= {
                "response_message_id": str(message.id),
                "response_message_loading": bool(message.flags & LOADING),
                "response_message_ephemeral": message.visible_to is not None,
            }
            resource["message"] = payloads.message(message, self._state.bot)
        return {"interaction": told, "resource": resource}

    async def _follow_up(self, request: web.Request) -> web.Response:
        body, files = await form(request)
        asked = self._find(request)
        checks.message(body, files=files)
        if asked.original is not None and asked.original.flags & LOADING:
            edit(self._state, asked.original, body, files)
            message = asked.original
        else:
            message = self._post(asked, body, files)
            asked.followups.append(message)
        return answer(payloads.message(message, self._state.bot))

    async def _message(self, request: web.Request) -> web.Response:
        return answer(payloads.message(self._find_message(request), self._state.bot))

    async def _edit(self, request: web.Request) -> web.Response:
        body, files = await form(request)
        message = self._find_message(request)
        edit(self._state, message, body, files)
        return answer(payloads.message(message, self._state.bot))

    async def _delete(self, request: web.Request) -> web.Response:
        self._state.delete(self._find_message(request))
        return nothing()

    def _find(self, request: web.Request) -> Interaction:
        """The interaction in the address, if it was answered and its token is still good."""
        asked = self._state.interactions.get(request.match_info["token"])
        if asked is None or asked.answer is None:
            raise Refused(404, 10015, "Unknown Webhook")
        if self._state.clock.now() > asked.created_at + TOKEN_HOLDS:
            raise Refused(401, 50027, "Invalid Webhook Token")
        return asked

    def _find_message(self, request: web.Request) -> Message:
        asked = self._find(request)
        if request.match_info["message"] == "@original":
            found = asked.original
        else:
            own = [*asked.followups, *([asked.original] if asked.original else [])]
            found = next((it for it in own if it.id == number(request, "message")), None)
        if found is None or found.is_deleted:
            raise unknown_message()
        return found

    # ── commands ─────────────────────────────────────────────────────────────────────────────────────

    async def _commands(self, request: web.Request) -> web.Response:
        return answer(list(self._those_in(request).values()))

    async def _replace_commands(self, request: web.Request) -> web.Response:
        bodies = await request.json()
        known = {(it["name"], it["type"]): it["id"] for it in self._those_in(request).values()}
        for body in bodies:
            checks.command(body)
        new = [self._registered(request, body, known.get((body["name"], body.get("type", 1)))) for body in bodies]
        self._those_in(request).clear()
        self._those_in(request).update({int(it["id"]): it for it in new})
        return answer(new)

    async def _add_command(self, request: web.Request) -> web.Response:
        body, _ = await form(request)
        checks.command(body)
        those = self._those_in(request)
        known = next((it["id"] for it in those.values() if it["name"] == body["name"]), None)
        new = self._registered(request, body, known)
        those[int(new["id"])] = new
        return answer(new, 200 if known else 201)

    async def _command(self, request: web.Request) -> web.Response:
        return answer(self._find_command(request))

    async def _change_command(self, request: web.Request) -> web.Response:
        command, (body, _) = self._find_command(request), await form(request)
        checks.command({**command, **body})
        command |= body
        return answer(command)

    async def _delete_command(self, request: web.Request) -> web.Response:
        del self._those_in(request)[int(self._find_command(request)["id"])]
        return nothing()

    def _those_in(self, request: web.Request) -> dict[int, Json]:
        guild = number(request, "guild") if "guild" in request.match_info else None
        return self._state.commands.setdefault(guild, {})

    def _find_command(self, request: web.Request) -> Json:
        found = self._those_in(request).get(number(request, "command"))
        if found is None:
            raise Refused(404, 10063, "Unknown application command")
        return found

    def _registered(self, request: web.Request, body: Json, known: str | None) -> Json:
        """A command as it stands in Discord; one of the same name keeps its id."""
        of = {"application_id": str(self._state.bot.id), "version": str(self._state.new_id())}
        if "guild" in request.match_info:
            of["guild_id"] = request.match_info["guild"]
        usual: Json = {"type": 1, "description": "", "nsfw": False, "default_member_permissions": None}
        return {**usual, **body, **of, "id": known or str(self._state.new_id())}
