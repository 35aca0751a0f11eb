"""The modes of channels, and which one held when."""

from datetime import UTC, datetime, timedelta

from memory.people.channels import Channels, Mode
from memory.sqlite.database import Database

PLACE = "discord:channel:1/2"
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


def after(hours: float) -> datetime:
    return BEGIN + timedelta(hours=hours)


async def test_a_channel_has_had_the_mode_that_was_chosen_last_before(database: Database) -> None:
    for channels in (first := Channels(database), Channels(database)):
        if channels is first:
            assert await channels.mode_at(PLACE, BEGIN) is Mode.MENTION
            for hours, mode in ((1, Mode.OFF), (2, Mode.MENTION), (3, Mode.LISTEN)):
                await channels.choose(PLACE, mode, "discord:1", after(hours))
        had = [await channels.mode_at(PLACE, after(hours)) for hours in (0, 1, 1.5, 2, 2.5, 3, 4)]
        assert had == [Mode.MENTION, Mode.OFF, Mode.OFF, Mode.MENTION, Mode.MENTION, Mode.LISTEN, Mode.LISTEN]
        assert await channels.mode(PLACE) is Mode.LISTEN
        assert await channels.mode_at("discord:channel:1/3", after(2)) is Mode.MENTION
