"""`auth.test`, `users.*`, `bots.info`, `team.info`, `api.test`, `apps.connections.open`: who is who."""

from tests.platforms.slack import payloads
from tests.platforms.slack.conversation_methods import page
from tests.platforms.slack.errors import Json, Refused
from tests.platforms.slack.state import State
from tests.platforms.slack.web_api import Method, required


class PeopleMethods:
    """Whom the bot knows, itself first."""

    def __init__(self, state: State) -> None:
        self._state = state

    def methods(self) -> dict[str, Method]:
        return {
            "api.test": Method(self._test),
            "auth.test": Method(self._auth),
            "users.info": Method(self._info, "users:read"),
            "users.list": Method(self._list, "users:read"),
            "bots.info": Method(self._bot, "users:read"),
            "team.info": Method(self._team, "team:read"),
        }

    def _test(self, args: Json) -> Json:
        if args.get("error"):
            raise Refused(str(args["error"]), args=args)
        return {"args": args}

    def _auth(self, args: Json) -> Json:
        """https://docs.slack.dev/reference/methods/auth.test"""
        state, place = self._state, self._state.workspace
        named = {"url": f"https://{place.domain}.slack.com/", "team": place.name, "team_id": place.id}
        return named | {
            "user": state.bot.name.lower(),
            "user_id": state.bot.id,
            "bot_id": state.bot.bot_id,
            "is_enterprise_install": False,
        }

    def _info(self, args: Json) -> Json:
        required(args, "user")
        if (found := self._state.users.get(str(args["user"]))) is None:
            raise Refused("user_not_found")
        return {"user": payloads.user(self._state, found)}

    def _list(self, args: Json) -> Json:
        shown, more = page(list(self._state.users.values()), args, 1000)
        return {"members": [payloads.user(self._state, it) for it in shown], "cache_ts": 1, **more}

    def _bot(self, args: Json) -> Json:
        found = next((it for it in self._state.users.values() if it.is_bot and it.bot_id == args.get("bot")), None)
        if found is None:
            raise Refused("bot_not_found")
        return {"bot": payloads.bot(self._state, found)}

    def _team(self, args: Json) -> Json:
        return {"team": payloads.team(self._state.workspace)}
