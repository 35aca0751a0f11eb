"""Where somebody uses a command or a button, and what they may there: as Discord says with each of these (pure).

Where the bot was not invited, and only the person installed it, it is their own agent that they speak to.
"""

import discord

from adapters.discord.inbound import origin_of
from adapters.ports.messages import Origin


def place_of(interaction: discord.Interaction, person: discord.abc.User) -> Origin:
    """Where an interaction is, as the place of a person; without a server, if the bot was not invited there."""
    guild_id = interaction.guild_id if interaction.is_guild_integration() else None
    return origin_of(interaction.channel, person, discord.Object(guild_id) if guild_id else None)


def link_of(interaction: discord.Interaction, message_id: str, thread: str | None) -> str | None:
    """The address of a message in the place of an interaction; None where that is not the bot's to see."""
    if interaction.guild_id is not None:
        space = str(interaction.guild_id) if interaction.is_guild_integration() else None
    else:
        space = "@me" if interaction.context.dm_channel else None
    place = thread or _channel_of(interaction)
    if space is None or place is None or not (message_id.isdecimal() and place.isdecimal()):
        return None
    return f"https://discord.com/channels/{space}/{place}/{message_id}"


def _channel_of(interaction: discord.Interaction) -> str | None:
    """The channel whose messages its agent keeps; that of a public thread is the one that it belongs to."""
    channel = interaction.channel
    if isinstance(channel, discord.Thread) and not channel.is_private():
        return str(channel.parent_id)
    return None if interaction.channel_id is None else str(interaction.channel_id)


def is_by_a_moderator(interaction: discord.Interaction) -> bool:
    """Whether the person may manage the channel at this moment."""
    is_in_guild = interaction.guild_id is not None and interaction.is_guild_integration()
    return is_in_guild and interaction.permissions.manage_channels
