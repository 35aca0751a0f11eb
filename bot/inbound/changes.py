"""People edit and delete their messages: memory follows before the platform is told that we have heard of it.

It does not wait for the agent's lane, where a slow model may be at work. What was removed cannot come back from there:
a step that rests on the agent as it was is not written (`AgentStore.check`), and asked for again.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from itertools import groupby

from adapters.ports.messages import Attachment, MessageChange
from bot.documents.attached import as_said, name_of, rewritten
from bot.events import quoted, system_alert
from bot.inbound.rewording import Rewording
from bot.inbound.waiting import Waiting
from bot.log import of_scope
from bot.scopes import scope_of
from bot.text import clean
from memory.archival.storage import ArchivalStorage
from memory.erasing.changes import Changed, MessageChanges
from memory.ports import NewMessage, owner_of_source
from memory.recall.storage import RecallStorage
from memory.sqlite.database import finish, is_passing

logger = logging.getLogger(__name__)


def says_now(old: str, text: str, files: Sequence[Attachment] | None) -> str:
    """What an edited message says in recall storage, by what it said; `files` as in `MessageChange`."""
    return rewritten(old, text, None if files is None else [name_of(file) for file in files])


class Changes:
    """Takes in what people change, for all agents."""

    def __init__(
        self,
        store: MessageChanges,
        waiting: Waiting,
        recall: RecallStorage,
        archival: ArchivalStorage,
        rewording: Rewording,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._rewording = rewording
        self._waiting = waiting
        self._recall = recall
        self._archival = archival
        self._now = now
        self._is_untidy = False
        self._tidying: asyncio.Task[None] | None = None

    async def change(self, platform: str, change: MessageChange) -> None:
        """See `adapters.ports.Change`."""
        try:
            await finish(self._change(platform, change))
        except Exception as error:  # the last line, as for turns: the log has it all, the process lives
            if is_passing(error):
                raise
            logger.exception("messages that were changed could not be followed up")

    async def tidy(self) -> None:
        """Wait until nothing is left in any index of what was removed so far."""
        if self._tidying is not None:
            await asyncio.wait([self._tidying])

    async def _change(self, platform: str, change: MessageChange) -> None:
        ids, text = frozenset(change.message_ids), None if change.text is None else as_said(clean(change.text))
        files = change.attachments
        scopes = await self._store.scopes_of(platform, ids) if change.origin is None else (scope_of(change.origin),)
        for scope in scopes:
            with of_scope(scope):
                withdrawn = frozenset[str]()
                if text is not None:
                    withdrawn = await self._withdrawn(platform, scope, change, ids, text)
                if withdrawn:
                    await self._change_in(scope, withdrawn, None, None)
                if left := ids - withdrawn:
                    await self._change_in(scope, left, text, files)

    async def _withdrawn(
        self, platform: str, scope: str, change: MessageChange, ids: Collection[str], text: str
    ) -> frozenset[str]:
        """The edited messages whose new words are not to be kept, so that nothing is left of them but the old ones.

        These are withdrawn: what is no longer said goes, as with a deletion. Those that say what they said stay.
        """
        is_taken = await self._rewording.is_taken(platform, scope, change)
        if is_taken and not await self._store.is_paused(scope):
            return frozenset()
        reworded = await self._store.reworded(scope, ids, lambda old: says_now(old, text, None), quoted(text))
        # A turn that is under way keeps, or leaves, what it promised when its message came.
        return reworded - await self._store.under_way(scope, reworded) if is_taken and reworded else reworded

    async def _change_in(
        self, scope: str, message_ids: Collection[str], text: str | None, files: Sequence[Attachment] | None
    ) -> None:
        is_deletion = text is None

        def tell(ids: Sequence[int], quoting: Sequence[int]) -> NewMessage:
            told = alert_of(ids, is_deletion=is_deletion) if ids else alert_of_quoted(quoting, is_deletion=is_deletion)
            return system_alert(told, self._now())

        changed = await self._store.write(
            scope,
            message_ids,
            text,
            tell,
            lambda old: says_now(old, text or "", files),
            quoted=None if text is None else quoted(text, files),
            files=None if files is None else {file.id for file in files},
        )
        for event in changed.waiting:
            if text is None:
                self._waiting.forget(scope, event.id)
            elif self._waiting.holds(scope, event.id):
                self._waiting.note(event)
        for event in changed.quoting:
            if self._waiting.holds(scope, event.id):
                self._waiting.note(event)
        if changed.agent_id is None:
            return
        logger.info(
            "messages %s count=%d notes=%d documents=%d quotes=%d",
            "deleted" if text is None else "edited",
            changed.messages,
            len(changed.notes),
            len(changed.documents),
            changed.quotes,
        )
        await self.follow(changed.agent_id, changed)

    async def expire(self, scope: str, before: datetime) -> int:
        """Remove some of what is older than a moment, and what was made of that alone; returns how many messages."""
        changed = await finish(self._store.expire(scope, before))
        for event in changed.quoting:
            if self._waiting.holds(scope, event.id):
                self._waiting.note(event)
        if changed.agent_id is not None:
            await self.follow(changed.agent_id, changed)
        return changed.messages

    async def follow(self, agent_id: int, changed: Changed) -> None:
        """After the commit: what is kept beside the database."""
        for document in changed.documents:
            await self._archival.forget(owner_of_source(document.source_id), document.passage_ids)
        if changed.notes:
            await self._archival.forget(agent_id, changed.notes)
            self._archival.index_soon()
        self._recall.index_soon()
        self._is_untidy = True
        if self._tidying is None or self._tidying.done():
            self._tidying = asyncio.create_task(self._tidy(), name="tidy the indexes of words")

    async def _tidy(self) -> None:
        """Words of removed texts are found no more, but stand in the file until their index is written anew."""
        while self._is_untidy:
            self._is_untidy = False
            try:
                await self._recall.forget_words()
                await self._archival.forget_words()
            except Exception:  # nobody waits for this task; the next change tries again
                logger.exception("words of removed texts are left in the file")


def alert_of(ids: Sequence[int], *, is_deletion: bool) -> str:
    """What the agent is told: which of its messages, and never what they said."""
    which = f"Message {ids[0]} was" if len(ids) == 1 else f"Messages {', '.join(_ranges(ids))} were"
    those = "it" if len(ids) == 1 else "them"
    if is_deletion:
        return (
            f"{which} deleted by whoever wrote {those}, and what you had kept of {those} alone went along. Do not "
            f"speak of {those} from memory."
        )
    return (
        f"{which} edited by whoever wrote {those}. What stands there now is what counts; correct what you have kept "
        "of the old text."
    )


def alert_of_quoted(quoting: Sequence[int], *, is_deletion: bool) -> str:
    """What the agent is told if of a message it knows only what was quoted in replies to it, by the ids of these."""
    what = f"What message{'' if len(quoting) == 1 else 's'} {', '.join(_ranges(quoting))} replied to was"
    if is_deletion:
        return f"{what} deleted by whoever wrote it, and is quoted no more. Do not speak of it from memory."
    return f"{what} edited by whoever wrote it. What is quoted there now is what counts."


def _ranges(ids: Iterable[int]) -> list[str]:
    """Numbers in order, those in a row as one: `3-5`."""
    runs = [[id_ for _, id_ in run] for _, run in groupby(enumerate(sorted(ids)), lambda pair: pair[1] - pair[0])]
    return [str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs]
