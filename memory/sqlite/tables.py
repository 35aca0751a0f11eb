"""The one schema. SQL is the record; every row that belongs to an agent carries its `agent_id`."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    DDL,
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    event,
    text,
)
from sqlalchemy.engine.default import DefaultExecutionContext

from memory.archival.notes import digest_of
from memory.search.word_index import word_index_definition

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite numbers rows by itself only for INTEGER; other databases need 64 bits said aloud.
RowId = BigInteger().with_variant(Integer, "sqlite")


class Instant(TypeDecorator[datetime]):
    """An aware datetime, kept as whole microseconds since 1970 in UTC: exact, small, ordered everywhere."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> int | None:
        """To microseconds."""
        if value is None:
            return None
        delta = value - datetime(1970, 1, 1, tzinfo=UTC)
        return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds

    def process_result_value(self, value: int | None, dialect: Any) -> datetime | None:
        """To an aware UTC datetime."""
        if value is None:
            return None
        return datetime.fromtimestamp(value // 1_000_000, UTC).replace(microsecond=value % 1_000_000)


def _agent_id(**options: Any) -> Column[int]:
    return Column("agent_id", RowId, ForeignKey("agents.id", ondelete="CASCADE"), nullable=False, **options)


agents = Table(
    "agents",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("scope", String(300), nullable=False, unique=True),
    Column("created_at", Instant, nullable=False),
    Column("summary", Text, nullable=False, server_default=""),
    # Whether the agent was told of memory pressure since the last eviction.
    Column("warned", Boolean, nullable=False, server_default=text("0")),
    # What it was made of: instructions and tools.
    Column("preset", String(100), nullable=False, server_default="memgpt_chat"),
    # Since when nothing is kept of what is said to it; null if all is.
    Column("paused_at", Instant),
    # Whether its summary covered what was deleted since, and is to be made anew before it is used.
    Column("derive_anew", Boolean, nullable=False, server_default=text("0")),
    # How often its heart beats: somebody's own choice, 0 for never; null for what the settings say.
    Column("heartbeat_minutes", Integer),
    # The newest message that a reflection had before it.
    Column("reflected_to", RowId, nullable=False, server_default=text("0")),
    # The model that an owner chose for it, and the window that its server told then; null for that of the settings.
    Column("model", String(300)),
    Column("model_window", Integer),
)

blocks = Table(
    "blocks",
    metadata,
    _agent_id(primary_key=True),
    Column("label", String(60), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("value", Text, nullable=False),
)

# What changed in memory in one go: in a turn, a reflection, or by a command. The edits name it.
memory_changes = Table(
    "memory_changes",
    metadata,
    Column("id", RowId, primary_key=True),
    _agent_id(),
    Column("kind", String(10), nullable=False),  # see `memory.core.change_journal.ChangeKind`
    Column("turn_id", RowId),  # of a turn or a reflection
    Column("undoes", RowId),  # the change that this one takes back
    Column("created_at", Instant, nullable=False),
    Index("ix_memory_changes_agent", "agent_id", "id"),
    Index("ix_memory_changes_turn", "agent_id", "turn_id", sqlite_where=text("turn_id is not null")),
    Index("ix_memory_changes_undoes", "undoes", sqlite_where=text("undoes is not null")),
    sqlite_autoincrement=True,
)

block_edits = Table(
    "block_edits",
    metadata,
    Column("id", RowId, primary_key=True),
    _agent_id(index=True),
    Column("label", String(60), nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("author", String(200), nullable=False),
    Column("reason", String(200), nullable=False),
    Column("source_message_id", RowId),
    Column("created_at", Instant, nullable=False),
    Column("change_id", RowId, index=True),
)

# The journal of notes, with what they said: what stands in the archive may be gone.
note_edits = Table(
    "note_edits",
    metadata,
    Column("id", RowId, primary_key=True),
    _agent_id(index=True),
    Column("change_id", RowId, nullable=False, index=True),
    Column("action", String(10), nullable=False),  # see `memory.ports.NoteAction`
    Column("content", Text, nullable=False),
    Column("tags", JSON, nullable=False),
    Column("author", String(200), nullable=False),
    Column("reason", String(200), nullable=False),
    Column("source_message_id", RowId),
    Column("created_at", Instant, nullable=False),
)

messages = Table(
    "messages",
    metadata,
    Column("id", RowId, primary_key=True),
    _agent_id(),
    Column("turn_id", RowId),
    Column("kind", String(20), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("text", Text),
    Column("thoughts", Text),
    Column("tool_uses", JSON(none_as_null=True)),
    Column("tool_use_id", String(200)),
    Column("author_id", String(200)),
    Column("author_name", String(200)),
    Column("evicted", Boolean, nullable=False, server_default=text("0")),
    # Whether it stands in `message_index`, if it is of those that a search may find.
    Column("indexed", Boolean, nullable=False, server_default=text("0")),
    # The platform's name for a person's message, in its channel: what an edit or a deletion refers to.
    Column("platform_id", String(200)),
    Column("thread", String(200)),  # in which it was written; null for the channel itself
    # Whether the bot was meant, of a person's message in a channel.
    Column("is_addressed", Boolean, nullable=False, server_default=text("1")),
    # What a person's message replies to: the platform's name for that, and a few words of it. See
    # `memory.recall.quotes`.
    Column("replying_to", String(200)),
    Column("quote", JSON(none_as_null=True)),
    Index("ix_messages_agent", "agent_id", "id"),
    Index("ix_messages_agent_time", "agent_id", "created_at"),
    Index("ix_messages_platform_id", "agent_id", "platform_id", sqlite_where=text("platform_id is not null")),
    Index("ix_messages_replying_to", "agent_id", "replying_to", sqlite_where=text("replying_to is not null")),
    Index("ix_messages_queue", "agent_id", "id", sqlite_where=text("evicted = 0")),
    Index("ix_messages_unindexed", "agent_id", sqlite_where=text("indexed = 0 and text is not null")),
    sqlite_autoincrement=True,
)

# What ranking needs of each message that a search may find, an agent's rows side by side. Rows go with their messages.
message_index = Table(
    "message_index",
    metadata,
    _agent_id(primary_key=True),
    Column("message_id", RowId, primary_key=True),
    Column("created_at", Instant, nullable=False),
    Column("speaker", String(200), nullable=False),  # empty: the agent
    Column("says_i", Boolean, nullable=False),
    Column("words", Integer, nullable=False),
    Column("embedder", Integer),  # a checksum of the name and dimension of what made the vector
    Column("vector", LargeBinary),  # whole numbers from -127 to 127, a byte each
    Index("ix_message_index_embedder", "embedder"),
    sqlite_with_rowid=False,
)

MESSAGE_WORDS, PASSAGE_WORDS = "message_words", "passage_words"
"""The FTS5 tables of the words in messages and in passages."""

WITH_ITS_MESSAGE = f"""
CREATE TRIGGER message_index_of_deleted AFTER DELETE ON messages BEGIN
  DELETE FROM message_index WHERE agent_id = old.agent_id AND message_id = old.id;
  DELETE FROM {MESSAGE_WORDS} WHERE rowid = old.id;
END
"""

WITH_ITS_PASSAGE = f"""
CREATE TRIGGER passage_words_of_deleted AFTER DELETE ON passages BEGIN
  DELETE FROM {PASSAGE_WORDS} WHERE rowid = old.id;
END
"""

for _statement in (
    *word_index_definition(MESSAGE_WORDS),
    *word_index_definition(PASSAGE_WORDS),
    WITH_ITS_MESSAGE,
    WITH_ITS_PASSAGE,
):
    event.listen(metadata, "after_create", DDL(_statement))  # type: ignore[no-untyped-call]

# What each eviction put an end to, so that a turn can be taken back as if it had never been.
compactions = Table(
    "compactions",
    metadata,
    Column("id", RowId, primary_key=True),
    _agent_id(index=True),
    Column("summary_before", Text, nullable=False),
    Column("evicted_ids", JSON, nullable=False),
    # The agent's newest message at that moment: what a later turn said is not in it.
    Column("newest_message_id", RowId, nullable=False),
    Column("created_at", Instant, nullable=False),
    # Whether the agent was warned before, and how many edits and notes it made between the warning and the eviction.
    Column("warned", Boolean, nullable=False, server_default=text("0")),
    Column("saved", Integer, nullable=False, server_default=text("0")),
)

people = Table(
    "people",
    metadata,
    # The person of a direct scope, without its `dm`: `console:<name>`, `discord:<user>`, `slack:<team>/<user>`.
    Column("id", String(300), primary_key=True),
    Column("timezone", String(100)),
    # By an owner: allowed, denied, or null for what the settings say.
    Column("admission", String(10)),
    Column("pairing_code", String(20)),  # what an owner can allow them by
    Column("greeted_at", Instant),  # when they were told, with their first reply, what is kept
    Column("admission_since", Instant),  # when the admission became another; what they wrote before was judged then
    Column("told_timezone", String(100)),  # as the platform knows it; their own choice comes before it
)

# How the bot behaves in a channel; one that nobody has changed has no row.
channels = Table(
    "channels",
    metadata,
    Column("scope", String(300), primary_key=True),
    Column("mode", String(10), nullable=False),  # see `memory.people.channels.Mode`
    Column("changed_at", Instant, nullable=False),
    Column("changed_by", String(300), nullable=False),
)

# Which mode a channel had until when, of those that were changed.
earlier_modes = Table(
    "earlier_modes",
    metadata,
    Column("scope", String(300), primary_key=True),
    Column("until", Instant, primary_key=True),
    Column("mode", String(10), nullable=False),
)

# The threads that the bot takes part in: there it is addressed by whoever writes.
threads = Table(
    "threads",
    metadata,
    Column("scope", String(300), primary_key=True),
    Column("thread", String(200), primary_key=True),
    Column("joined_at", Instant, nullable=False),
)

# What an adapter wants to know again after a restart, of its platform as a whole.
platform_notes = Table(
    "platform_notes",
    metadata,
    Column("platform", String(20), primary_key=True),
    Column("name", String(60), primary_key=True),
    Column("value", Text, nullable=False),
)

# Documents are kept once, however many agents they are attached to.
sources = Table(
    "sources",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("name", String(200), nullable=False, unique=True),
    Column("created_at", Instant, nullable=False),
    # The file, folder or pattern that it was loaded by; None if it was given its name, or came with an import.
    Column("origin", Text),
    sqlite_autoincrement=True,
)

documents = Table(
    "documents",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("source_id", RowId, ForeignKey("sources.id", ondelete="CASCADE"), nullable=False),
    Column("name", String(500), nullable=False),
    Column("digest", String(64), nullable=False),  # SHA-256 of the file: the same again is not loaded again
    Column("loaded_at", Instant, nullable=False),
    # Of a file that came with messages: the platform's names for them. It goes with the last of them.
    Column("came_with", JSON(none_as_null=True)),
    # The file that it was made of; null if that is not known: of an import, or of a version that did not keep it.
    Column("path", Text),
    # Under each of those names, the platform's names for the files that it was; not known of what came before there was
    # this column.
    Column("came_as", JSON(none_as_null=True)),
    Index("uq_documents_source_name", "source_id", "name", unique=True),
    sqlite_autoincrement=True,
)

attachments = Table(
    "attachments",
    metadata,
    _agent_id(primary_key=True),
    Column("source_id", RowId, ForeignKey("sources.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("attached_at", Instant, nullable=False),
)


def _digest(row: DefaultExecutionContext) -> bytes | None:
    values = row.get_current_parameters()  # type: ignore[no-untyped-call]
    return digest_of(values["content"]) if values.get("agent_id") is not None else None


# A note belongs to its agent, a piece of a document to every agent that its source is attached to.
passages = Table(
    "passages",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("agent_id", RowId, ForeignKey("agents.id", ondelete="CASCADE")),
    Column("content", Text, nullable=False),
    Column("tags", JSON, nullable=False),
    Column("source_message_id", RowId),
    Column("created_at", Instant, nullable=False),
    # Set once the vector stands in the index, with the embedder (model and dimension) that made it.
    Column("indexed_at", Instant),
    Column("embedder", String(200)),
    Column("document_id", RowId, ForeignKey("documents.id", ondelete="CASCADE"), index=True),
    Column("heading", Text),  # of a document's piece: the headings above it
    Column("page", Integer),
    # How many words it has, once they stand in their index.
    Column("words", Integer),
    # Of a note: the same note is kept once.
    Column("digest", LargeBinary, default=_digest),
    # Of a note: those of the tags that later messages brought, see `memory.archival.note_tags`.
    Column("tags_added", JSON(none_as_null=True)),
    Column("kind", String(10), nullable=False, server_default="note"),  # see `memory.ports.PassageKind`
    Index("ix_passages_digest", "agent_id", "digest", sqlite_where=text("digest is not null")),
    Index("ix_passages_agent", "agent_id", "id"),
    Index("ix_passages_unindexed", "id", sqlite_where=text("indexed_at is null")),
    Index("ix_passages_uncounted", "id", sqlite_where=text("words is null")),
    CheckConstraint("(agent_id IS NULL) <> (document_id IS NULL)", name="ck_passages_one_owner"),
    sqlite_autoincrement=True,
)

model_tiers = Table(
    "model_tiers",
    metadata,
    Column("server", String(300), primary_key=True),
    Column("model", String(300), primary_key=True),
    Column("tier", String(20), nullable=False),
    Column("found_at", Instant, nullable=False),
)

result_lists = Table(
    "result_lists",
    metadata,
    Column("id", String(20), primary_key=True),
    _agent_id(index=True),
    Column("store", String(20), nullable=False),
    Column("query", Text, nullable=False),
    Column("ids", JSON, nullable=False),
    Column("created_at", Instant, nullable=False, index=True),
)

# ── what came in, what is under way, what is to go out ───────────────────────────────────────────────

# Every event that a platform handed in, once; what it said is kept until its turn has ended.
inbox = Table(
    "inbox",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("platform", String(20), nullable=False),
    Column("event_id", String(200), nullable=False),
    # The same for two events that are one message (a mention, told twice); null where there is no such thing.
    Column("message_key", String(300)),
    Column("scope", String(300), nullable=False),
    # waiting, taken, done, or parked; shown, if nobody handed it in
    Column("state", String(10), nullable=False),
    Column("reason", Text),  # of one that is parked
    Column("kind", String(20), nullable=False),
    Column("is_timed", Boolean, nullable=False),
    Column("origin", JSON, nullable=False),
    Column("author", String(300), nullable=False),
    Column("text", Text),
    Column("sent_at", Instant, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("turn_id", RowId),  # of the journal
    Column("message_id", String(200)),  # the platform's name for the message
    Column("is_addressed", Boolean, nullable=False, server_default=text("1")),
    # Whether a turn is wanted; otherwise the agent only takes note.
    Column("awaits_answer", Boolean, nullable=False, server_default=text("1")),
    Column("attachments", JSON(none_as_null=True)),
    Column("replying_to", String(200)),  # as in `messages`, as long as it has its text
    Column("quote", JSON(none_as_null=True)),
    Index("uq_inbox_event", "platform", "event_id", unique=True),
    Index("uq_inbox_message", "platform", "message_key", unique=True, sqlite_where=text("message_key is not null")),
    Index("ix_inbox_message_id", "message_id", "platform", sqlite_where=text("message_id is not null")),
    Index("ix_inbox_replying_to", "replying_to", sqlite_where=text("replying_to is not null")),
    Index("ix_inbox_waiting", "scope", "id", sqlite_where=text("state = 'waiting'")),
    Index("ix_inbox_parked", "scope", "id", sqlite_where=text("state = 'parked'")),
    sqlite_autoincrement=True,
)

# How far a turn has come, as of its last step: what is not over goes on from here after a crash.
turns = Table(
    "turns",
    metadata,
    Column("id", RowId, primary_key=True),
    _agent_id(),
    # running, done, stopped by the person, or parked
    Column("state", String(10), nullable=False),
    Column("reason", Text),  # of one that is parked
    Column("origin", JSON, nullable=False),
    Column("is_timed", Boolean, nullable=False),
    Column("message_ids", JSON, nullable=False),  # of its events
    Column("begun_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("progress", JSON, nullable=False),  # see `bot.turns.step.Progress`
    # How often it was begun again since its last step was committed.
    Column("resumed", Integer, nullable=False, server_default=text("0")),
    # While the model gives no answer: since when, and whether the person was told.
    Column("failing_since", Instant),
    Column("was_told", Boolean, nullable=False, server_default=text("0")),
    Index("ix_turns_agent", "agent_id", "id"),
    Index("ix_turns_running", "id", sqlite_where=text("state = 'running'")),
    sqlite_autoincrement=True,
)

# Replies that were decided; their text is kept until the platform has it.
outbox = Table(
    "outbox",
    metadata,
    Column("id", RowId, primary_key=True),
    _agent_id(index=True),
    Column("turn_id", RowId),
    Column("platform", String(20), nullable=False),
    Column("channel", String(200), nullable=False),
    Column("thread", String(200)),
    Column("text", Text),
    Column("key", String(40), nullable=False, unique=True),
    # waiting, sending, sent, dead, or doubtful: perhaps sent
    Column("state", String(10), nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("next_try_at", Instant),
    Column("fault", Text),  # what the platform last said
    Column("created_at", Instant, nullable=False),
    Column("done_at", Instant),
    Column("sent_id", String(200)),  # the platform's name for it
    Column("reply_to", String(200)),  # the message that it answers, or reacts to
    Column("is_reaction", Boolean, nullable=False, server_default=text("0")),
    Index(
        "ix_outbox_open", "platform", "channel", "thread", "id", sqlite_where=text("state in ('waiting', 'sending')")
    ),
    Index("ix_outbox_lost", "agent_id", "id", sqlite_where=text("state in ('dead', 'doubtful')")),
    sqlite_autoincrement=True,
)

# What people are still to be told by the program itself.
notices = Table(
    "notices",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("platform", String(20), nullable=False),
    Column("scope", String(300), nullable=False),
    Column("origin", JSON, nullable=False),
    Column("text", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    # Whether it is of weight however late it is told.
    Column("however_late", Boolean, nullable=False, server_default=text("0")),
    sqlite_autoincrement=True,
)

# What moderators and owners have done by their rights; never what was shown or written.
audit = Table(
    "audit",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("who", String(300), nullable=False),  # as in `people`
    Column("what", String(100), nullable=False),
    Column("scope", String(300), nullable=False),  # whose memory, or which place, it was about
    Column("at", Instant, nullable=False),
    Index("ix_audit_scope", "scope", "id"),
    sqlite_autoincrement=True,
)

# When agents are to wake by themselves. Of follow-ups an agent has any number, of every other kind one row at most.
timers = Table(
    "timers",
    metadata,
    Column("id", RowId, primary_key=True),
    _agent_id(),
    Column("kind", String(20), nullable=False),  # see `memory.turns.timers`
    Column("state", String(10), nullable=False),  # waiting, fired (and not to be again), or cancelled
    Column("due_at", Instant, nullable=False),
    Column("set_at", Instant, nullable=False),  # of a heartbeat: when people were last there
    Column("platform", String(20), nullable=False),
    Column("person", String(300), nullable=False),  # for whom, and by whose clock
    Column("origin", JSON, nullable=False),
    Column("note", Text, nullable=False),
    Column("repeat", String(200)),  # a cron expression, in the person's time zone
    Column("local", String(30)),  # what their clock is to show; null where a moment was named
    Column("source_message_id", RowId),  # in whose turn it was set
    Column("ended_by", RowId),  # the same of the turn that cancelled it
    Column("ended_at", Instant),  # when it was cancelled
    Column("fires", Integer, nullable=False, server_default=text("0")),
    Column("fired_at", Instant),
    Column("not_before", Instant),  # as the agent wanted, whatever sets it anew
    # How many messages it brought of itself on one day, by the person's calendar.
    Column("said_on", String(10)),
    Column("said", Integer, nullable=False, server_default=text("0")),
    Index("ix_timers_due", "due_at", sqlite_where=text("state = 'waiting'")),
    Index("ix_timers_agent", "agent_id", "id"),
    Index("ix_timers_person", "person", sqlite_where=text("state = 'waiting'")),
    Index("uq_timers_only", "agent_id", "kind", unique=True, sqlite_where=text("kind <> 'follow_up'")),
    sqlite_autoincrement=True,
)

# Every call of the model. It was paid, so its row stays when an agent is erased, and then names nobody.
usage = Table(
    "usage",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("agent_id", RowId, ForeignKey("agents.id", ondelete="SET NULL")),
    Column("person", String(300)),  # who wrote; null for what nobody wrote
    Column("at", Instant, nullable=False),
    Column("model", String(300), nullable=False),
    Column("is_timed", Boolean, nullable=False),
    Column("prompt_tokens", Integer, nullable=False),
    Column("cached_tokens", Integer, nullable=False),
    Column("completion_tokens", Integer, nullable=False),
    Column("cost", Float),  # in US dollars, where the price is known
    Index("ix_usage_agent_at", "agent_id", "at"),
    sqlite_autoincrement=True,
)

# What was spent of each day's budgets, reservations included.
spent = Table(
    "spent",
    metadata,
    Column("day", String(10), primary_key=True),
    # see `memory.people.accounts`
    Column("account", String(320), primary_key=True),
    Column("tokens", BigInteger, nullable=False),
    Column("was_told", Boolean, nullable=False, server_default=text("0")),
)

# ── what was reset, and can be undone ────────────────────────────────────────────────────────────────

# Each has the agent as it was before in a checkpoint, for some days.
resets = Table(
    "resets",
    metadata,
    Column("id", RowId, primary_key=True),
    _agent_id(index=True),
    Column("change_id", RowId, nullable=False),  # of `memory_changes`; with the edits of core memory, if it made any
    Column("part", String(20), nullable=False),
    Column("checkpoint", String(100), nullable=False),
    Column("derive_anew", Boolean, nullable=False),  # as it stood with the agent, which no checkpoint says
    Column("at", Instant, nullable=False, index=True),
    sqlite_autoincrement=True,
)

# The platform's names for the messages in these checkpoints, and what their authors did since: an undoing follows that.
reset_messages = Table(
    "reset_messages",
    metadata,
    _agent_id(primary_key=True),
    Column("platform_id", String(200), primary_key=True),
    Column("author_id", String(200)),
    Column("deleted", Boolean, nullable=False, server_default=text("0")),
    Column("edited", LargeBinary),  # a digest of what it says now
    Index("ix_reset_messages_platform_id", "platform_id"),
    sqlite_with_rowid=False,
)

# ── what is erased ───────────────────────────────────────────────────────────────────────────────────

# What is to be erased and is not yet: whoever is killed over it goes on at the next start. Gone when it is done.
erasures = Table(
    "erasures",
    metadata,
    Column("id", RowId, primary_key=True),
    # A person everywhere, as `people` names them; or else one agent, by its scope.
    Column("person", String(300)),
    Column("scope", String(300)),
    Column("until", Instant, nullable=False),  # what is newer is none of it
    Column("asked_at", Instant, nullable=False),
    Column("origin", JSON(none_as_null=True)),  # whom to tell when it is done, and where; null if nobody waits
    sqlite_autoincrement=True,
)

# Below which moment nothing of a person, or of a place, is taken in again; see `memory.erasing.floors`. It names
# nobody.
floors = Table(
    "floors",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("until", Instant, nullable=False),
)
