"""Where somebody uses a command or a button, and what they may there: as Discord says with each of these (pure).

Where the bot was not invited, and only the person installed it, it is their own agent that they speak to.
"""

import discord

from adapters.discord.inbound import origin_of
from adapters.ports import Origin


def place_of(interaction: discord.Interaction, person: discord.abc.User) -> Origin:
    """Where an interaction is, as the place of a person; without a server, if the bot was not invited there."""
    guild_id = interaction.guild_id if interaction.is_guild_integration() else None
    return origin_of(interaction.channel, person, discord.Object(guild_id) if guild_id else None)


def is_by_a_moderator(interaction: discord.Interaction) -> bool:
    """Whether the person may manage the channel at this moment."""
    is_in_guild = interaction.guild_id is not None and interaction.is_guild_integration()
    return is_in_guild and interaction.permissions.manage_channels
