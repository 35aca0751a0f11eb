"""What the app asks a workspace for (pure): what something of ours uses, and no more.

https://docs.slack.dev/reference/app-manifest
"""

import json
from typing import Any

Json = dict[str, Any]

PATH = "/slack/events"
"""Where Slack reaches us, if not by Socket Mode: one path for events, commands, buttons and forms."""

REMEMBER_THIS = "remember_this"
"""The callback id of the shortcut in the menu of a message."""

USED_FOR = {
    "app_mentions:read": "to be told who mentions it",
    "chat:write": "to answer, and to show in a thread that it thinks",
    "commands": "for /agent, and Remember this in the menu of a message",
    "users:read": "to know what people are called, and who looks after the workspace",
    "im:history": "to read direct messages",
    "im:read": "to find a first direct message that came while it was down",
    "im:write": "to answer a command directly when it took long",
    "channels:history": "to read threads that it takes part in, and what was missed, in public channels",
    "groups:history": "the same in private channels",
    "mpim:history": "the same in group direct messages",
    "files:read": "to read files that it is shown",
    "files:write": "to send long code as a file, and to give somebody an export of what it knows of them",
    "reactions:write": "to react to a message",
    "assistant:write": "to be shown as an agent",
}
"""All the scopes of the bot's token, and why."""

TO_ANSWER = ("chat:write", "im:history", "app_mentions:read")
"""Without one of these it answers nobody."""

EVENTS = (
    "app_home_opened",
    "app_mention",
    "app_uninstalled",
    "message.channels",
    "message.groups",
    "message.im",
    "message.mpim",
    "tokens_revoked",
)

NAME = "Memo"
DESCRIPTION = "Remembers what you tell it."
LONG_DESCRIPTION = "An agent of its own for every person and every channel, with a memory that lasts."
PROMPTS = (
    ("What do you know about me?", "What do you know about me?"),
    ("What can you remember?", "What can you remember for me, and how do I see and change it?"),
)
"""What somebody may ask who opens a conversation; pressed, it is sent as it stands."""


def manifest(public_url: str | None = None) -> Json:
    """The manifest of the app.

    Args:
        public_url: where Slack reaches us, up to `/slack/events`; None for Socket Mode.
    """
    request_url = None if public_url is None else f"{public_url.rstrip('/').removesuffix(PATH)}{PATH}"
    at = {} if request_url is None else {"request_url": request_url}
    command = {
        "command": "/agent",
        "description": "My memory, and how I behave here",
        "usage_hint": "help",
        "should_escape": True,
    }
    return {
        "display_information": {"name": NAME, "description": DESCRIPTION},
        "features": {
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": NAME, "always_online": True},
            "agent_view": {
                "agent_description": LONG_DESCRIPTION,
                "suggested_prompts": [{"title": title, "message": message} for title, message in PROMPTS],
            },
            "shortcuts": [
                {
                    "name": "Remember this",
                    "type": "message",
                    "callback_id": REMEMBER_THIS,
                    "description": "Keep this message in my core memory",
                }
            ],
            "slash_commands": [command | ({"url": request_url} if request_url else {})],
        },
        "oauth_config": {"scopes": {"bot": sorted(USED_FOR)}},
        "settings": {
            "event_subscriptions": {**at, "bot_events": list(EVENTS)},
            "interactivity": {"is_enabled": True, **at},
            "org_deploy_enabled": False,
            "socket_mode_enabled": request_url is None,
            "token_rotation_enabled": False,
        },
    }


def as_text(public_url: str | None = None) -> str:
    """The manifest as it is pasted into Slack."""
    return json.dumps(manifest(public_url), indent=2)
