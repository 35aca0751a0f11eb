"""What comes of a command, a shortcut, a button or a form: answers, posts to its address, forms that it opens.

https://docs.slack.dev/interactivity/handling-user-interaction
"""

import json
from datetime import timedelta
from uuid import uuid4

from aiohttp import web

from tests.platforms.slack import checks
from tests.platforms.slack.chat_methods import written
from tests.platforms.slack.errors import Json, Refused
from tests.platforms.slack.faults import Faults
from tests.platforms.slack.state import State
from tests.platforms.slack.things import Channel, Delivery, Interaction, Message, User, View
from tests.platforms.slack.view_methods import ViewMethods
from tests.platforms.slack.web_api import Call, flag, outcome

ADDRESS_HOLDS = timedelta(minutes=30)


class Interactions:
    """See above."""

    def __init__(self, state: State, faults: Faults, views: ViewMethods) -> None:
        self.calls: list[Call] = []
        self._state = state
        self._faults = faults
        self._views = views

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/actions/{key}", self._receive)]

    def begin(self, person: User, channel: Channel | None, **more: object) -> Interaction:
        """Somebody does something; its key is its trigger and ends its address."""
        asked = Interaction(uuid4().hex, person, channel, self._state.clock.now(), **more)  # type: ignore[arg-type]
        self._state.interactions[asked.key] = asked
        return asked

    def send(self, asked: Interaction, kind: str, payload: Json) -> None:
        """Tell the app, and take what it says at once."""
        asked.delivery = Delivery(kind, payload, heard=lambda: self._heard(asked))
        self._state.tell(asked.delivery)

    def address(self, asked: Interaction) -> str:
        """The `response_url`."""
        return f"{self._state.url}/actions/{asked.key}"

    # ── what the app says ────────────────────────────────────────────────────────────────────────────

    def _heard(self, asked: Interaction) -> None:
        """What stands in the acknowledgement (https://docs.slack.dev/reference/interaction-payloads)."""
        answer = (asked.delivery.answer if asked.delivery else None) or {}
        if asked.view is not None and not asked.view.is_home:
            self._views.answer(asked.view, answer, asked)
        elif asked.channel is not None and (answer.get("text") or answer.get("blocks")):
            asked.answers.append(self._say(asked, answer))

    async def _receive(self, request: web.Request) -> web.StreamResponse:
        args: Json = {}
        response: web.StreamResponse | None = None

        async def answer() -> web.StreamResponse:
            nonlocal args
            args = json.loads(await request.read())
            return self._answer(request.match_info["key"], args)

        try:
            response = await self._faults.run(request, "response_url", "", answer)
            return response
        finally:
            self.calls.append(Call("response_url", args, *outcome(request, response), dict(request.headers)))
            self._state.stir()

    def _answer(self, key: str, args: Json) -> web.Response:
        """https://docs.slack.dev/interactivity/handling-user-interaction#message_responses"""
        asked = self._state.interactions.get(key)
        if asked is None or asked.channel is None:
            return web.json_response({"ok": False, "error": "invalid_url"}, status=404)
        if self._state.clock.now() > asked.at + ADDRESS_HOLDS or not asked.posts_left:
            return web.json_response({"ok": False, "error": "expired_url"}, status=404)
        asked.posts_left -= 1
        try:
            self._respond(asked, args)
        except Refused as refused:
            return web.json_response(refused.body, status=400)
        return web.Response(text="ok")

    def _respond(self, asked: Interaction, args: Json) -> None:
        original = asked.message
        if flag(args, "delete_original"):
            if original is not None:
                self._state.delete(original)
        elif flag(args, "replace_original") and original is not None:
            checks.message(args)
            self._state.edit(original, **written(args))
        else:
            asked.answers.append(self._say(asked, args))

    def _say(self, asked: Interaction, args: Json) -> Message:
        """A message in the place where it was asked; only the person sees it unless it says otherwise."""
        checks.message(args)
        assert asked.channel is not None, "only where there is a place"
        is_for_all = args.get("response_type") == "in_channel"
        thread_ts = args.get("thread_ts") or (asked.message.thread_ts if asked.message else None)
        more: Json = {"thread_ts": thread_ts} if thread_ts else {}
        more |= {} if is_for_all else {"visible_to": asked.person, "subtype": "ephemeral"}
        return self._state.post(asked.channel, self._state.bot, **written(args), **more)


def opened(asked: Interaction) -> View:
    """The form that was opened last and is still there."""
    found = [it for it in asked.views if it.is_open]
    assert found, "there is no form"
    return found[-1]
