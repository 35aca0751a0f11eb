"""What the bot asks a server for: the permissions that something of ours uses, and no other."""

import discord

TO_ANSWER = ("view_channel", "send_messages", "read_message_history")
"""Without one of these it answers nobody; a reply to a message needs the history that the message stands in."""

USED_FOR = {
    "view_channel": "to be told what is written",
    "send_messages": "to answer, and to show that it types",
    "read_message_history": "to reply to a message, and to read what was missed",
    "send_messages_in_threads": "to answer in threads",
    "create_public_threads": "to open threads, in the mode thread",
    "attach_files": "to send long code as a file",
    "add_reactions": "to react to a message",
}
"""All that it is invited with, by the library's names."""

_SHOWN = {"view_channel": "View Channels", "send_messages_in_threads": "Send Messages in Threads"}

NEEDED = discord.Permissions(**dict.fromkeys(USED_FOR, True))


def shown(name: str) -> str:
    """A permission as Discord's own pages call it."""
    return _SHOWN.get(name, name.replace("_", " ").title())


def missing_in(granted: discord.Permissions) -> tuple[str, ...]:
    """What the bot needs of a server and is not granted there, by the library's names."""
    if granted.administrator:
        return ()
    return tuple(name for name in USED_FOR if not getattr(granted, name))


def invitation(application_id: int) -> str:
    """The page at which somebody brings the bot into a server, with what it needs and its slash commands."""
    scopes = ("bot", "applications.commands")
    return discord.utils.oauth_url(application_id, permissions=NEEDED, scopes=scopes)
