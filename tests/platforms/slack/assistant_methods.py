"""`assistant.threads.*`: what the bot shows of its work in a thread.

https://docs.slack.dev/reference/methods/assistant.threads.setStatus; prompts need no thread since apps may have an
`agent_view` (https://docs.slack.dev/ai/migrating-to-agent-messaging).
"""

from tests.platforms.slack.errors import Json, Refused
from tests.platforms.slack.state import State
from tests.platforms.slack.things import Channel, Status
from tests.platforms.slack.web_api import Method, required

MOST_PROMPTS = 4


class AssistantMethods:
    """See above."""

    def __init__(self, state: State) -> None:
        self._state = state

    def methods(self) -> dict[str, Method]:
        return {
            "assistant.threads.setStatus": Method(self._status, "chat:write"),
            "assistant.threads.setTitle": Method(self._title, "assistant:write"),
            "assistant.threads.setSuggestedPrompts": Method(self._prompts, "assistant:write"),
        }

    def _status(self, args: Json) -> Json:
        """An empty one takes it away; a message of the bot does so, too."""
        channel, thread_ts = self._thread(args)
        loading = tuple(args.get("loading_messages") or ())
        if len(loading) > 10:
            raise Refused("invalid_arguments")
        status = Status(channel, thread_ts, str(args.get("status", "")), loading)
        self._state.statuses.append(status)
        self._state.showing[channel.id, thread_ts] = status.text
        return {}

    def _title(self, args: Json) -> Json:
        required(args, "title")
        channel, thread_ts = self._thread(args)
        self._state.titles[channel.id, thread_ts] = str(args["title"])
        return {}

    def _prompts(self, args: Json) -> Json:
        required(args, "channel_id", "prompts")
        self._state.find_channel(args["channel_id"])
        found = args["prompts"]
        if not 1 <= len(found) <= MOST_PROMPTS or not all(it.get("title") and it.get("message") for it in found):
            raise Refused("invalid_arguments")
        self._state.prompts.append(args)
        return {}

    def _thread(self, args: Json) -> tuple[Channel, str]:
        required(args, "channel_id", "thread_ts")
        channel = self._state.find_channel(args["channel_id"])
        if self._state.bot not in channel.members:
            raise Refused("channel_not_found")
        if str(args["thread_ts"]) not in channel.messages:
            raise Refused("invalid_thread_ts")
        return channel, str(args["thread_ts"])
