"""All that is kept over one database: a store for each kind of thing, made once and shared by whoever needs it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from memory.archival.storage import ArchivalStorage
from memory.core.agents import AgentStore
from memory.core.change_journal import ChangeJournal
from memory.overview import Overview
from memory.people.accounts import Accounts
from memory.people.audit import Audit
from memory.people.channels import Channels
from memory.people.known import People
from memory.people.told import Told
from memory.people.usage import UsageStore
from memory.recall.storage import RecallStorage
from memory.search.result_lists import ResultLists
from memory.sqlite.database import Database
from memory.turns.inbox import Inbox
from memory.turns.notices import NoticeStore
from memory.turns.outbox import OutboxStore
from memory.turns.timers import Timers
from memory.turns.turn_journal import TurnJournal


@dataclass(frozen=True, slots=True)
class Stores:
    """What a bot keeps.

    Attributes:
        database: in which it all stands.
        agents: with their core memory.
        memory_changes: what changed it, and the notes.
        recall: what was said.
        archival: notes and documents, with their vectors beside the database.
        result_lists: what agents found last.
        inbox: events that wait for their turn.
        journal: turns that are under way.
        timers: when agents wake by themselves.
        replies: that are to be delivered.
        notices: likewise.
        people: what is known of them.
        channels: likewise.
        accounts: what was reserved of the day's budgets.
        usage: what calls of the model took.
        audit: what was done by whom to whose memory.
        told: what somebody was told once.
        overview: of all agents, at a glance.
    """

    database: Database
    agents: AgentStore
    memory_changes: ChangeJournal
    recall: RecallStorage
    archival: ArchivalStorage
    result_lists: ResultLists
    inbox: Inbox
    journal: TurnJournal
    timers: Timers
    replies: OutboxStore
    notices: NoticeStore
    people: People
    channels: Channels
    accounts: Accounts
    usage: UsageStore
    audit: Audit
    told: Told
    overview: Overview

    @classmethod
    def over(
        cls, database: Database, recall: RecallStorage, archival: ArchivalStorage, now: Callable[[], datetime]
    ) -> Self:
        """Those over a database, with the two that are searched by meaning as they were opened."""
        inbox = Inbox(database)
        return cls(
            database,
            AgentStore(database),
            ChangeJournal(database),
            recall,
            archival,
            ResultLists(database),
            inbox,
            TurnJournal(database),
            Timers(database, inbox),
            OutboxStore(database),
            NoticeStore(database),
            People(database),
            Channels(database),
            Accounts(database),
            UsageStore(database),
            Audit(database),
            Told(database, now),
            Overview(database),
        )
