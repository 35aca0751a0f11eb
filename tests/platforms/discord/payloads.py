"""The JSON in which Discord tells of its things: only the fields that are documented, ids as text."""

from datetime import datetime

from tests.platforms.discord.errors import Json
from tests.platforms.discord.things import (
    OF_EVERYONE,
    Attachment,
    Channel,
    Guild,
    Intent,
    Interaction,
    Message,
    Permission,
    User,
)

ADMIN_ROLE, BOT_ROLE = 1, 2
"""Added to a guild's id they give the ids of its two roles; that of everyone is the guild's own."""


def time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def user(who: User) -> Json:
    fields: Json = {"id": str(who.id), "username": who.name.lower(), "global_name": who.name, "avatar": None}
    return {**fields, "discriminator": "0", "bot": who.is_bot, "public_flags": 0}


def member(guild: Guild, who: User, *, with_user: bool = True) -> Json:
    roles = [ADMIN_ROLE] * (who in guild.admins) + [BOT_ROLE] * who.is_bot
    fields: Json = {
        "nick": guild.nicks.get(who.id),
        "avatar": None,
        "roles": [str(guild.id + role) for role in roles],
        "joined_at": "2024-01-01T00:00:00+00:00",
        "premium_since": None,
        "deaf": False,
        "mute": False,
        "flags": 0,
        "pending": False,
    }
    return {**fields, "user": user(who)} if with_user else fields


def role(guild: Guild, add: int, name: str, permissions: Permission) -> Json:
    fields: Json = {"id": str(guild.id + add), "name": name, "permissions": str(int(permissions)), "position": add}
    fields |= {"color": 0, "hoist": False, "managed": add == BOT_ROLE, "mentionable": False, "flags": 0}
    of = next((who for who in guild.members.values() if who.is_bot), None)
    return {**fields, "tags": {"bot_id": str(of.id)}} if add == BOT_ROLE and of is not None else fields


def has_role(it: Message, id_: int) -> bool:
    """Whether the guild in which a message stands has a role of that id."""
    return it.channel.guild is not None and id_ - it.channel.guild.id in (ADMIN_ROLE, BOT_ROLE)


def guild(it: Guild) -> Json:
    """A guild as GUILD_CREATE tells it: with all that is in it."""
    return {
        "id": str(it.id),
        "name": it.name,
        "icon": None,
        "owner_id": str(it.owner.id),
        "afk_timeout": 300,
        "verification_level": 0,
        "default_message_notifications": 1,
        "explicit_content_filter": 0,
        "mfa_level": 0,
        "nsfw_level": 0,
        "premium_tier": 0,
        "system_channel_flags": 0,
        "preferred_locale": "en-US",
        "features": [],
        "emojis": [],
        "stickers": [],
        "roles": [
            role(it, 0, "@everyone", OF_EVERYONE & it.bot_permissions),
            role(it, ADMIN_ROLE, "Admin", Permission.ADMINISTRATOR),
            role(it, BOT_ROLE, "Bot", it.bot_permissions),
        ],
        "joined_at": "2024-01-01T00:00:00+00:00",
        "large": False,
        "unavailable": False,
        "member_count": len(it.members),
        "members": [member(it, who) for who in it.members.values()],
        "channels": [channel(place) for place in it.channels.values() if not place.is_thread],
        "threads": [channel(place) for place in it.channels.values() if place.is_thread and not place.is_archived],
        "voice_states": [],
        "presences": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
    }


def own_guild(it: Guild, bot: User) -> Json:
    """A guild as its member is told of it in a list."""
    permissions = str(int(it.permissions_of(bot)))
    fields: Json = {"id": str(it.id), "name": it.name, "icon": None, "banner": None, "features": []}
    return {**fields, "owner": it.owner is bot, "permissions": permissions}


def channel(it: Channel) -> Json:
    last = str(max(it.messages)) if it.messages else None
    fields: Json = {"id": str(it.id), "type": int(it.kind), "last_message_id": last, "flags": 0}
    if it.guild is None:
        return {**fields, "recipients": [user(it.recipient)] if it.recipient else []}
    fields |= {"guild_id": str(it.guild.id), "name": it.name, "parent_id": str(it.parent.id) if it.parent else None}
    if it.is_thread:
        return {**fields, **_of_thread(it)}
    fields |= {"position": 0, "nsfw": False, "topic": None, "rate_limit_per_user": 0}
    fields["permission_overwrites"] = [
        {"id": str(it.guild.id + BOT_ROLE), "type": 0, "allow": "0", "deny": str(int(it.denied_to_bot))}
    ]
    if it.is_voice:
        fields |= {"bitrate": 64000, "user_limit": 0, "rtc_region": None}
    if it.is_forum:
        fields |= {"available_tags": [], "default_reaction_emoji": None, "default_sort_order": None}
    return fields


def _of_thread(it: Channel) -> Json:
    posts = len(it.messages)
    return {
        "owner_id": str(it.owner.id) if it.owner else "0",
        "message_count": posts,
        "total_message_sent": posts,
        "member_count": len(it.members),
        "rate_limit_per_user": 0,
        "thread_metadata": {
            "archived": it.is_archived,
            "locked": it.is_locked,
            "auto_archive_duration": 1440,
            "archive_timestamp": time(it.created_at),
            "create_timestamp": time(it.created_at),
        },
    }


def attachment(file: Attachment) -> Json:
    size = len(file.content) if file.told_size is None else file.told_size
    fields: Json = {"id": str(file.id), "filename": file.filename, "size": size, "flags": 0}
    return {**fields, "url": file.url, "proxy_url": file.url, "content_type": file.content_type, **file.more}


def message(
    it: Message, bot: User, *, in_event: bool = False, shows_content: bool = True, is_new: bool = False
) -> Json:
    """A message; an event adds where it is and who in the guild wrote it, REST does not.

    Its nonce is told with the answer to the request that made it (`is_new`) and in the event, and not kept.
    """
    guild = it.channel.guild
    fields: Json = {
        "id": str(it.id),
        "channel_id": str(it.channel.id),
        "type": int(it.says),
        "author": user(it.author),
        "timestamp": time(it.created_at),
        "edited_timestamp": time(it.edited_at),
        "tts": False,
        "pinned": False,
        "mention_everyone": it.pings_everyone,
        "mentions": [_mentioned(guild if in_event else None, who) for who in it.mentions],
        "mention_roles": list(map(str, it.roles)),
        "flags": it.flags,
        **_shown(it, shows_content),
    }
    if it.reactions:
        fields["reactions"] = [_reactions(emoji, people, bot) for emoji, people in it.reactions.items()]
    if it.nonce is not None and (is_new or in_event):
        fields["nonce"] = it.nonce
    if in_event and guild is not None:
        fields |= {"guild_id": str(guild.id), "member": member(guild, it.author, with_user=False)}
    if it.thread is not None:
        fields["thread"] = channel(it.thread)
    if it.answers is not None:
        fields |= {
            "application_id": str(bot.id),
            "webhook_id": str(bot.id),
            "interaction_metadata": _metadata(it.answers),
        }
    return fields | _reference(it, bot, shows_content) | it.more


def _shown(it: Message, shows_content: bool) -> Json:
    if not shows_content:
        return {"content": "", "attachments": [], "embeds": [], "components": []}
    files = [attachment(file) for file in it.attachments]
    return {"content": it.content, "attachments": files, "embeds": it.embeds, "components": it.components}


def _mentioned(guild: Guild | None, who: User) -> Json:
    return user(who) if guild is None else {**user(who), "member": member(guild, who, with_user=False)}


def _reactions(emoji: str, people: list[User], bot: User) -> Json:
    counts: Json = {"count": len(people), "count_details": {"normal": len(people), "burst": 0}}
    return {**counts, "me": bot in people, "me_burst": False, "burst_colors": [], "emoji": partial_emoji(emoji)}


def partial_emoji(text: str) -> Json:
    """An emoji of Unicode, or `name:id`."""
    name, _, id_ = text.partition(":")
    return {"id": id_ or None, "name": name}


def _reference(it: Message, bot: User, shows_content: bool) -> Json:
    if it.reply_to is None:
        return {}
    reference: Json = {"type": 0, "message_id": str(it.reply_to.id), "channel_id": str(it.reply_to.channel.id)}
    if it.channel.guild is not None:
        reference["guild_id"] = str(it.channel.guild.id)
    shows = shows_content or it.reply_to.author is bot
    referenced = None if it.reply_to.is_deleted else message(it.reply_to, bot, shows_content=shows)
    if referenced is not None:
        referenced.pop("referenced_message", None)
    return {"message_reference": reference, "referenced_message": referenced}


def _metadata(asked: Interaction) -> Json:
    fields: Json = {"id": str(asked.id), "type": int(asked.asked), "user": user(asked.person)}
    return {**fields, "authorizing_integration_owners": {}}


def reaction_event(it: Message, who: User, emoji: str, *, adds: bool) -> Json:
    place: Json = {"user_id": str(who.id), "channel_id": str(it.channel.id), "message_id": str(it.id)}
    place |= {"emoji": partial_emoji(emoji), "type": 0, "burst": False}
    if it.channel.guild is None:
        return place
    place["guild_id"] = str(it.channel.guild.id)
    return {**place, "member": member(it.channel.guild, who), "message_author_id": str(it.author.id)} if adds else place


def interaction(it: Interaction, bot: User, *, bot_permissions: Permission) -> Json:
    fields: Json = {
        "id": str(it.id),
        "application_id": str(bot.id),
        "type": int(it.asked),
        "token": it.token,
        "version": 1,
        "data": it.data,
        "channel_id": str(it.channel.id),
        "channel": channel(it.channel),
        "locale": "en-US",
        "app_permissions": str(int(bot_permissions)),
        "attachment_size_limit": 10 * 1024 * 1024,
        "entitlements": [],
    }
    if it.message is not None:
        fields["message"] = message(it.message, bot)
    guild = it.channel.guild
    if guild is None:
        return {**fields, "user": user(it.person), "context": 1, "authorizing_integration_owners": {"0": "0"}}
    here = Permission.MANAGE_CHANNELS if it.person in it.channel.moderators else Permission.NONE
    who = {**member(guild, it.person), "permissions": str(int(guild.permissions_of(it.person) | here))}
    where = {"id": str(guild.id), "locale": "en-US", "features": []}
    fields |= {"member": who, "guild_id": str(guild.id), "guild": where, "guild_locale": "en-US", "context": 0}
    return {**fields, "authorizing_integration_owners": {"0": str(guild.id)}}


def application(bot: User, owner: User, granted: Intent) -> Json:
    return {
        "id": str(bot.id),
        "name": bot.name,
        "icon": None,
        "description": "",
        "bot_public": True,
        "bot_require_code_grant": False,
        "verify_key": "0" * 64,
        "owner": user(owner),
        "team": None,
        "bot": user(bot),
        "flags": application_flags(granted),
    }


def application_flags(granted: Intent) -> int:
    """Of a bot in fewer than a hundred guilds: the LIMITED flags."""
    limited = {Intent.GUILD_PRESENCES: 1 << 13, Intent.GUILD_MEMBERS: 1 << 15, Intent.MESSAGE_CONTENT: 1 << 19}
    return sum(flag for intent, flag in limited.items() if granted & intent)
