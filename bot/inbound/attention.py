"""Which messages of a channel are answered, which are only read, and which stay unread: one rule for all platforms."""

from dataclasses import dataclass, replace
from enum import StrEnum

from adapters.ports.messages import Aim, InboundMessage
from bot.scopes import scope_of
from memory.people.channels import Channels, Mode


class Attention(StrEnum):
    """What becomes of a message."""

    ANSWER = "answer"
    """The bot is meant; a turn, and an answer."""
    CONSIDER = "consider"
    """The bot is not meant, but may have something to say; a turn that may stay silent."""
    HEAR = "hear"
    """Kept in memory; no turn."""
    IGNORE = "ignore"
    """As if it had not been written."""


_BY_WEIGHT = (Attention.IGNORE, Attention.HEAR, Attention.CONSIDER, Attention.ANSWER)


@dataclass(frozen=True, slots=True)
class Attended:
    """A message with what becomes of it; where it is answered may have changed."""

    message: InboundMessage
    attention: Attention


async def attend(message: InboundMessage, channels: Channels) -> Attended:
    """Judge a message by whom it is meant for, the mode of its channel, and the thread that it stands in."""
    if message.origin.is_direct:
        return Attended(message, Attention.ANSWER)
    scope, thread = scope_of(message.origin), message.origin.address.thread
    mode = await channels.mode(scope)
    # What is read from a history was written, perhaps, while the channel had another mode: the stricter one counts.
    modes = {mode, await channels.mode_at(scope, message.sent_at)} if message.is_missed else {mode}
    is_ours = message.aim is Aim.AT_ALL and thread is not None and Mode.OFF not in modes
    if is_ours and await channels.takes_part(scope, thread or ""):
        return Attended(message, Attention.ANSWER)
    attention = min((judge(message.aim, each) for each in modes), key=_BY_WEIGHT.index)
    if attention is Attention.ANSWER and mode is Mode.THREAD and thread is None and message.message_id:
        address = replace(message.origin.address, thread=message.message_id)
        return Attended(replace(message, origin=replace(message.origin, address=address)), attention)
    return Attended(message, attention)


def judge(aim: Aim, mode: Mode) -> Attention:
    """What becomes of a message outside of the threads that the bot takes part in (pure)."""
    if mode is Mode.OFF:
        return Attention.IGNORE
    if aim is Aim.AT_US:
        return Attention.ANSWER
    if mode is Mode.OPEN and aim is Aim.AT_ALL:
        return Attention.CONSIDER
    return Attention.HEAR if mode.reads_all else Attention.IGNORE
