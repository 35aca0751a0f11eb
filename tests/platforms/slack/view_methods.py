"""`views.*`: the app's Home, and forms (https://docs.slack.dev/surfaces/modals, https://docs.slack.dev/surfaces/app-home)."""

from datetime import timedelta

from tests.platforms.slack import checks, payloads
from tests.platforms.slack.errors import Json, Refused
from tests.platforms.slack.state import State
from tests.platforms.slack.things import Interaction, User, View
from tests.platforms.slack.web_api import Method, required

TRIGGER_HOLDS = timedelta(seconds=3)
MOST_IN_STACK = 3


class ViewMethods:
    """What people are shown beside messages."""

    def __init__(self, state: State) -> None:
        self._state = state

    def methods(self) -> dict[str, Method]:
        return {
            "views.publish": Method(self._publish),
            "views.open": Method(self._open),
            "views.push": Method(self._push),
            "views.update": Method(self._update),
        }

    def _publish(self, args: Json) -> Json:
        """https://docs.slack.dev/reference/methods/views.publish"""
        required(args, "user_id", "view")
        checks.view(args["view"], "home")
        person = self._state.users.get(str(args["user_id"]))
        if person is None:
            raise Refused("user_not_found")
        before = self._state.homes.get(person.id)
        if args.get("hash") and (before is None or before.hash != args["hash"]):
            raise Refused("hash_conflict")
        view = before or self._make(person, args["view"])
        self._change(view, args["view"])
        self._state.homes[person.id] = view
        return self._told(view)

    def _open(self, args: Json) -> Json:
        required(args, "view")
        checks.view(args["view"], "modal")
        asked = self._use_trigger(args)
        view = self._make(asked.person, args["view"])
        asked.views.append(view)
        return self._told(view)

    def _push(self, args: Json) -> Json:
        required(args, "view")
        checks.view(args["view"], "modal")
        asked = self._use_trigger(args)
        if asked.view is None or not asked.view.is_open:
            raise Refused("not_found")
        asked.views.append(self._put_on(asked.view, args["view"]))
        return self._told(asked.views[-1])

    def _update(self, args: Json) -> Json:
        required(args, "view")
        checks.view(args["view"], "modal", "home")
        found = self._state.views.get(str(args.get("view_id")))
        if args.get("external_id"):
            found = next(
                (it for it in self._state.views.values() if it.body.get("external_id") == args["external_id"]), None
            )
        if found is None or not found.is_open:
            raise Refused("not_found")
        if args.get("hash") and found.hash != args["hash"]:
            raise Refused("hash_conflict")
        self._change(found, args["view"])
        return self._told(found)

    def answer(self, view: View, answer: Json, asked: Interaction) -> None:
        """What becomes of a form that was sent off: the app says so, or it is closed.

        https://docs.slack.dev/surfaces/modals#updating_response
        """
        if not asked.sends_form:
            return
        match answer.get("response_action"):
            case "errors":
                pass
            case "update":
                checks.view(answer["view"], "modal")
                self._change(view, answer["view"])
                asked.views.append(view)
            case "push":
                checks.view(answer["view"], "modal")
                asked.views.append(self._put_on(view, answer["view"]))
            case "clear":
                for it in self._state.views.values():
                    if it.root_id == view.root_id:
                        it.is_open = False
            case None:
                view.is_open = False
            case other:
                raise AssertionError(f"no such response_action: {other}")

    def _use_trigger(self, args: Json) -> Interaction:
        """A trigger opens one form, within three seconds."""
        required(args, "trigger_id")
        asked = self._state.interactions.get(str(args["trigger_id"]))
        if asked is None:
            raise Refused("invalid_trigger_id")
        if self._state.clock.now() > asked.at + TRIGGER_HOLDS:
            raise Refused("expired_trigger_id")
        if asked.trigger_used:
            raise Refused("exchanged_trigger_id")
        asked.trigger_used = True
        return asked

    def _make(self, person: User, body: Json, below: View | None = None) -> View:
        id_ = self._state.new_id("V")
        view = View(id_, person, {}, "", below.root_id if below else id_, below.id if below else None)
        self._state.views[id_] = view
        self._change(view, body)
        return view

    def _put_on(self, below: View, body: Json) -> View:
        stack = [it for it in self._state.views.values() if it.root_id == below.root_id and it.is_open]
        if len(stack) >= MOST_IN_STACK:
            raise Refused("push_limit_reached")
        return self._make(below.person, body, below)

    def _change(self, view: View, body: Json) -> None:
        view.body = body | {"blocks": payloads.with_ids(body["blocks"])}
        view.hash = self._state.new_ts()

    def _told(self, view: View) -> Json:
        return {"view": payloads.view(self._state, view)}
