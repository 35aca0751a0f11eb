"""Quotes in the tables: an event is taken as it is then, whatever was read of it before."""

from dataclasses import replace
from datetime import UTC, datetime

from memory.ports import Kind, Quote
from memory.sqlite.database import Database
from memory.turns.inbox import Inbox, NewEvent

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FIGS = Quote("m0", None, "", "Figs", NOW)
EVENT = NewEvent(
    platform="console",
    event_id="e1",
    scope="console:dm:ada",
    kind=Kind.USER_MESSAGE,
    is_timed=False,
    origin={"address": {}},
    author="ada",
    text="Yes",
    sent_at=NOW,
    message_id="m1",
    attachments=[{"id": "f1"}, {"id": "f2"}],
    quote=FIGS,
)


async def test_an_event_is_taken_with_the_quote_and_the_files_that_it_has_then(database: Database) -> None:
    inbox = Inbox(database)
    read_before = await inbox.add(EVENT, NOW)
    assert read_before is not None
    assert read_before.quote == FIGS
    async with database.write() as transaction:
        (changed,) = await inbox.requote(transaction, EVENT.scope, ["m0"], "Plums")
        assert changed.quote == replace(FIGS, text="Plums")
        assert await inbox.requote(transaction, EVENT.scope, ["m0"], "Plums") == ()
        await inbox.change(transaction, EVENT.scope, [read_before.id], "Yes!", ["f2"])
        (taken,) = await inbox.take(transaction, [read_before])
    assert (taken.text, taken.attachments, taken.quote) == ("Yes!", ({"id": "f2"},), changed.quote)


async def test_of_what_is_gone_an_event_quotes_nothing(database: Database) -> None:
    inbox = Inbox(database)
    read_before = await inbox.add(EVENT, NOW)
    assert read_before is not None
    async with database.write() as transaction:
        assert await inbox.requote(transaction, "console:dm:bob", ["m0"], None) == ()
        (changed,) = await inbox.requote(transaction, EVENT.scope, ["m0"], None)
        (taken,) = await inbox.take(transaction, [read_before])
    assert changed.quote is taken.quote is None
