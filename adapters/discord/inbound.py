"""A message of Discord as one in no platform's format (pure)."""

import re

import discord

from adapters.chat.said import CALLED, FORWARDED
from adapters.ports.messages import Address, Aim, Attachment, InboundMessage, MessageChange, Origin, Person, Quoted

PLATFORM = "discord"

_WRITTEN = (discord.MessageType.default, discord.MessageType.reply)
"""All other types are written by Discord itself."""


def is_written_by_a_person(message: discord.Message, me: discord.abc.User, *, answers_bots: bool) -> bool:
    """Whether somebody wrote it who may be answered: not we, not a webhook, not another bot unless those are wanted."""
    if message.type not in _WRITTEN or message.author.id == me.id or message.webhook_id is not None:
        return False
    return answers_bots or not message.author.bot


def inbound_of(message: discord.Message, me: discord.abc.User) -> InboundMessage:
    """The message; its channel must be known whole if it is a thread."""
    id_ = str(message.id)
    return InboundMessage(
        event_id=id_,
        origin=origin_of(message.channel, message.author, guild_of(message)),
        text=said_in(message, me),
        sent_at=message.created_at,
        message_id=id_,
        aim=aim_of(message, me),
        attachments=files_of(message),
        replying_to=_quoted_in(message, me),
    )


def change_of(message: discord.Message, me: discord.abc.User) -> MessageChange:
    """What an edited message says now; its place need not be known, for no two messages have one id.

    One that is hidden does not tell that its files are gone.
    """
    author = Person(str(message.author.id), message.author.display_name)
    files = None if is_hidden(message, me) else files_of(message)
    return MessageChange(None, (str(message.id),), said_in(message, me), files, author)


def is_hidden(message: discord.Message, me: discord.abc.User) -> bool:
    """Whether Discord may keep from us what a message says, as it does in a server without the Message Content intent.

    A sticker is shown then, and the title of a post, so these tell nothing of the words beside them.
    """
    shots = (shot.content or shot.embeds for shot in message.message_snapshots)
    says = (message.content, files_of(message), message.poll, message.embeds, *shots)
    is_for_us = guild_id_of(message) is None or any(user.id == me.id for user in message.mentions)
    return not (any(says) or is_for_us)


def said_in(message: discord.Message, me: discord.abc.User) -> str:
    """What the agent reads of a message."""
    text = text_of(message, me)
    return CALLED if not text and message.content.strip() and not files_of(message) else text


def names_all_as_seen(message: discord.Message, me: discord.abc.User) -> bool:
    """Whether its text names all that it mentions as it did when it was written.

    A history does not tell what people are called in a server; channels and roles may be called otherwise by now, and
    of a server that is not there yet neither is known.
    """
    if guild_id_of(message) is None:
        return True
    role = _own_role_of(message)
    ours = "" if role is None else role.mention
    if any(named != ours for named in re.findall(r"<(?:#|@&)\d+>", message.content)):
        return False
    unknown = [user.id for user in message.mentions if isinstance(user, discord.User) and user.id != me.id]
    return not any(f"<@{sign}{id_}>" in message.content for id_ in unknown for sign in ("", "!"))


def files_of(message: discord.Message) -> tuple[Attachment, ...]:
    """Its own, and those of what it forwards."""
    files = [*message.attachments, *(file for shot in message.message_snapshots for file in shot.attachments)]
    return tuple(
        Attachment(str(file.id), file.filename, file.content_type or "", file.size, file.url) for file in files
    )


def _quoted_in(message: discord.Message, me: discord.abc.User) -> Quoted | None:
    """What a message replies to, if that still stands in the same place; what is forwarded is no such thing."""
    reference = message.reference
    if message.type is not discord.MessageType.reply or reference is None:
        return None
    said = reference.resolved
    is_reply = reference.type is discord.MessageReferenceType.reply
    if not is_reply or reference.channel_id != message.channel.id or not isinstance(said, discord.Message):
        return None
    author = None if said.author.id == me.id else Person(str(said.author.id), said.author.display_name)
    return Quoted(str(said.id), author, said_in(said, me), said.created_at, files_of(said))


def guild_of(message: discord.Message) -> discord.Guild | discord.Object | None:
    """Where it was written; None in a direct conversation, never in a guild that the library does not know."""
    id_ = guild_id_of(message)
    return message.guild or (None if id_ is None else discord.Object(id_))


def guild_id_of(message: discord.Message) -> int | None:
    """The id of the guild that a message was written in; None in a direct conversation."""
    if message.guild is not None:
        return message.guild.id
    guild_id = getattr(message.channel, "guild_id", None)  # of a channel that is not known
    return getattr(getattr(message.channel, "guild", None), "id", None) if guild_id is None else int(guild_id)


def origin_of(channel: object, author: discord.abc.User | None, guild: discord.Guild | discord.Object | None) -> Origin:
    """Where something comes from, and from whom, where that is known.

    A public thread is a part of its channel, a private one a place of its own: as if it stood in itself.
    """
    id_ = str(getattr(channel, "id", 0))
    person = Person(str(author.id), author.display_name) if author is not None else Person("", "")
    if guild is None:
        return Origin(Address(PLATFORM, id_), person, is_direct=True)
    address = Address(PLATFORM, id_)
    if isinstance(channel, discord.Thread):
        address = Address(PLATFORM, id_ if channel.is_private() else str(channel.parent_id), id_)
    roles = tuple(str(role.id) for role in getattr(author, "roles", ()) if role.id != guild.id)  # that is everybody's
    return Origin(address, person, is_direct=False, space=str(guild.id), roles=roles)


def aim_of(message: discord.Message, me: discord.abc.User) -> Aim:
    """Whom the message is for: those whom it mentions, and whom it replies to.

    The role that Discord made for the bot is the bot: whoever picks one of two equal names need not know. All other
    roles are somebody else, also those that it was given. Everyone is nobody.
    """
    if guild_id_of(message) is None:
        return Aim.AT_US
    replied = message.reference.resolved if message.reference is not None else None
    replied_to = replied.author.id if isinstance(replied, discord.Message) else None
    role = _own_role_of(message)
    # By the text: Discord does not count a role as mentioned if its author may not notify it.
    is_ours = any(user.id == me.id for user in message.mentions) or (
        role is not None and role.mention in message.content
    )
    if is_ours or replied_to == me.id:
        return Aim.AT_US
    if message.mentions or message.role_mentions or (replied_to is not None and replied_to != message.author.id):
        return Aim.AT_OTHERS
    return Aim.AT_ALL


def text_of(message: discord.Message, me: discord.abc.User) -> str:
    """What a reader sees: names in the place of ids, without the mention that only calls the bot."""
    role = _own_role_of(message)
    call = rf"<@!?{me.id}>" if role is None else rf"(?:<@!?{me.id}>|{role.mention})"
    called = re.compile(rf"\A\s*{call}[\s,:]*|\s*{call}\s*\Z")
    content = called.sub("", called.sub("", message.content))
    names = {f"<@{user.id}>": f"@{user.display_name}" for user in (*message.mentions, me)}
    names |= {f"<@!{user.id}>": f"@{user.display_name}" for user in (*message.mentions, me)}
    names |= {role.mention: f"@{role.name}" for role in (*message.role_mentions, *([role] if role else []))}
    names |= {channel.mention: f"#{channel.name}" for channel in message.channel_mentions}
    text = re.sub(r"<(?:@[!&]?|#)\d+>", lambda found: names.get(found[0], found[0]), content)
    text = re.sub(r"<a?(:\w+:)\d+>", r"\1", text)  # emojis of a guild
    extras = _stickers_in(message)
    if not content:
        extras += _embedded_in(message)
    if message.poll is not None:
        extras.append(f"[poll: {message.poll.question}: {', '.join(answer.text for answer in message.poll.answers)}]")
    extras += [FORWARDED.format(text=said) for shot in message.message_snapshots if (said := _passed_on(shot))]
    return "\n".join(part for part in (_title_of(message), text.strip(), *extras) if part)


def _passed_on(shot: discord.MessageSnapshot) -> str:
    """What a forwarded message says."""
    said = [shot.content] if shot.content else _embedded_in(shot)
    return "\n".join([*said, *_stickers_in(shot)])


def _stickers_in(message: discord.Message | discord.MessageSnapshot) -> list[str]:
    return [f"[sticker: {sticker.name}]" for sticker in message.stickers]


def _embedded_in(message: discord.Message | discord.MessageSnapshot) -> list[str]:
    """What the boxes of a message say that has no words of its own, as bots write them; else they are but previews."""
    told = [
        [embed.title, embed.description, *(f"{field.name}: {field.value}" for field in embed.fields)]
        for embed in message.embeds
    ]
    return ["\n".join(filter(None, parts)) for parts in told if any(parts)]


def _own_role_of(message: discord.Message) -> discord.Role | None:
    """The role that came with the bot when it was invited with permissions, where the guild is known."""
    return None if message.guild is None else message.guild.self_role


def _title_of(message: discord.Message) -> str:
    """The title of a post in a forum, which its author wrote above it: only there a thread holds what began it."""
    channel = message.channel
    return channel.name if isinstance(channel, discord.Thread) and channel.id == message.id else ""
