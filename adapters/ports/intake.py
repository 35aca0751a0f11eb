"""Where a platform hands in what happens there."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from adapters.ports.commands import CommandCall, CommandReply, CommandSpec
from adapters.ports.messages import InboundMessage, LastHeard, MessageChange, Stretch

Receive = Callable[[InboundMessage], "Awaitable[Awaitable[None]]"]
"""Hand in a message. Returns once it is kept for good: only then may the platform be told that it has arrived.

What comes back may be awaited: it ends with the message's turn and the delivery of its replies, or when these are put
off because the model or the platform is down. It never raises but when cancelled, which stops the turn.
"""


RunCommand = Callable[[CommandCall], Awaitable[CommandReply]]
"""Run a slash command for somebody; never raises."""


Change = Callable[[MessageChange], Awaitable[None]]
"""Take in that messages were edited or deleted; returns once it is kept for good.

It raises if the database takes nothing just now: then it is to be handed in again, before what comes after it.
"""


Compare = Callable[[Stretch], Awaitable[None]]
"""Have memory follow what was deleted and edited in a place while nobody listened; else as `Change`."""


Suggest = Callable[[CommandCall], Awaitable[Sequence[str]]]
"""What the argument at the end of a line that is being typed may become, the likeliest first. Never raises."""


Hear = Callable[[timedelta], Awaitable[Sequence[LastHeard]]]
"""The places of this platform heard of within a time (a week at most), for a platform that tells nothing twice.

A message that begins a thread of its name stands in the channel: that is then a place, too, if nothing else was heard
there.
"""


Connected = Callable[[str], None]
"""Say that the connection of the platform of that name stands, or stands again. Never raises, takes no time."""


CaughtUp = Callable[[str], None]
"""Say that memory is level with the platform of that name, as far as it ever will be. Never raises, takes no time."""


ToldOnce = Callable[[str], Awaitable[bool]]
"""Keep that what the key names is told now, or done; False if it was in the last 30 days, and so is not to be."""


async def _no_change(change: MessageChange | Stretch) -> None:
    """Nobody wants to know."""


def _nobody_waits(platform: str) -> None:
    """Nothing was held back."""


async def _not_told(key: str) -> bool:
    """Nobody was told anything."""
    return True


async def _nothing(*asked: object) -> tuple[()]:
    """There is nothing."""
    return ()


@dataclass(frozen=True, slots=True)
class Intake:
    """Where a platform hands in what happens there.

    Attributes:
        receive: takes a message of a person.
        command: runs a slash command.
        change: takes an edit or a deletion.
        compare: takes what stands in a place, for a platform that tells nothing twice.
        caught_up: is to be told by a platform that is a `ComparesHistories`, when it has compared.
        suggest: completes a command's argument.
        last_heard: tells where to look for what was missed.
        connected: is to be told by a platform that is a `TellsConnection`, of each new connection.
        commands: the slash commands that there are.
        told_once: is asked before somebody is told what need not be said each time, or before something is done that
            may be asked for again after a restart.
    """

    receive: Receive
    command: RunCommand
    change: Change = _no_change
    suggest: Suggest = _nothing
    last_heard: Hear = _nothing
    connected: Connected = _nobody_waits
    commands: tuple[CommandSpec, ...] = ()
    told_once: ToldOnce = _not_told
    compare: Compare = _no_change
    caught_up: CaughtUp = _nobody_waits
