"""The files that came with the messages of a turn: read before its first step, and told of below the messages.

The turn is in the journal by then. So a file that ends the process is met again at the next start by a turn that was
begun before, and is put aside with it after a few times. What is left to do about the files of an event stands in its
inbox: nothing once their lines are written, but for images, which are kept nowhere and are fetched again.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from adapters.ports.errors import DocumentUnreadable
from adapters.ports.messages import Address, Attachment
from adapters.ports.model import Image
from adapters.ports.platform import ChatPlatform, HasFiles
from bot.agent import Agent
from bot.documents import attached
from bot.documents.files import Files, Whose, is_image
from bot.minds.mind import Minds
from bot.turns.commit import Keep, whole
from memory.ports import Message
from memory.stores import Stores

logger = logging.getLogger(__name__)

MOST_FILES = 20
"""In one turn."""

PAUSED = "memory is paused, and nothing is kept"
READS_NONE = "reading files is switched off"
TOO_MANY = f"more than {MOST_FILES} files came at once"
NO_FILES = "files cannot be fetched from here"

_IS_TOLD = "is_told"


@dataclass(frozen=True, slots=True)
class FilesOf:
    """The files of one event: its place in the inbox, its message, and what is written down of each."""

    event_id: int
    message_id: int
    files: Sequence[Mapping[str, Any]]


@dataclass(slots=True)
class _Read:
    """What came of the files of one message."""

    lines: list[str]
    images: list[Image]
    left: list[Mapping[str, Any]]
    is_unseen: bool = False
    """An image that the message speaks of cannot be had any more."""

    def text(self, before: str) -> str:
        """The message with what is told of its files."""
        return attached.with_lines(attached.unseen(before) if self.is_unseen else before, self.lines)


class Reading:
    """Reads what came with messages; to be called in the agent's lane only."""

    def __init__(
        self,
        stores: Stores,
        minds: Minds,
        files: Files,
        platforms: Mapping[str, ChatPlatform],
        *,
        max_bytes: int,
    ) -> None:
        self._stores = stores
        self._minds = minds
        self._files = files
        self._platforms = platforms
        self._max_bytes = max_bytes

    async def read(
        self, agent: Agent, found: Sequence[FilesOf], messages: Sequence[Message], address: Address, keep: Keep
    ) -> tuple[Agent, tuple[Message, ...]]:
        """Read the files of a turn, and write what came of them into its messages.

        Args:
            agent: as it is now, with the messages in its queue.
            found: the files; those of a message that is gone are left alone.
            messages: of the turn.
            address: where they were written.
            keep: takes the agent as the commit leaves it.

        Returns:
            The agent, and the messages, as they are then.

        Raises:
            ChangedMeanwhile: people changed messages while the files were read; nothing of it was written.
        """
        by_id = {message.id: message for message in messages}
        read: dict[int, _Read] = {}
        files = [(of, entry) for of in found if of.message_id in by_id for entry in of.files]
        for number, (of, entry) in enumerate(files):
            told = read.setdefault(of.event_id, _Read([], [], []))
            (attachment,) = attached.attachments_of([entry])
            message, name = by_id[of.message_id], attached.name_of(attachment)
            reason = TOO_MANY if number >= MOST_FILES else self._why_not(message, address)
            if (reason is None and is_image(attachment)) or entry.get(_IS_TOLD):
                shown = sum(len(others.images) for others in read.values())
                may_show = reason is None and shown < self._minds.of(agent).most_images
                await self._look(attachment, entry, address, told, may_show=may_show)
            elif reason is None and agent.keeps(message):
                told.lines.append(await self._load(agent, message, attachment, address))
            else:
                told.lines.append(attached.unread(name, reason or PAUSED))
        return await self._written(agent, found, by_id, read, keep)

    async def show_none(self, agent: Agent, turn_id: int, keep: Keep) -> Agent:
        """The server does not take the images: the agent is told that it cannot see them."""
        blind = [queued.message for queued in agent.queue if queued.message.id in agent.images]
        texts = {message.id: attached.unseen(message.text or "") for message in blind}
        agent = replace(agent, images={})

        async def commit() -> Agent:
            async with self._stores.recall.rewriting(), self._stores.database.write() as transaction:
                self._stores.agents.check(agent.scope, agent.revision)
                for message in blind:
                    await self._stores.recall.rewrite(
                        transaction, agent.id, [message.id], texts[message.id], is_passing=not agent.keeps(message)
                    )
                await self._stores.inbox.forget_files(transaction, turn_id)
            self._stores.recall.index_soon()
            return self._requeued(agent, texts)

        return await whole(commit(), keep)

    def _why_not(self, message: Message, address: Address) -> str | None:
        """Why the files of a message are not even looked at, if so."""
        if not message.is_addressed:
            return attached.NOT_MEANT
        if not isinstance(self._platforms.get(address.platform), HasFiles):
            return NO_FILES
        return None if self._max_bytes else READS_NONE

    def _source(self, address: Address) -> HasFiles:
        platform = self._platforms[address.platform]
        assert isinstance(platform, HasFiles)
        return platform

    async def _load(self, agent: Agent, message: Message, attachment: Attachment, address: Address) -> str:
        name = attached.name_of(attachment)
        whose = Whose(
            agent.id,
            f"files of {agent.scope}"[:190],
            message.platform_id or f"#{message.id}",
            lambda: self._stores.agents.check(agent.scope, agent.revision),
        )
        try:
            kept = await self._files.load(self._source(address), attachment, whose)
        except DocumentUnreadable as error:
            logger.info("a file of a message could not be read: %s", error)
            return attached.unreadable(name, str(error))
        return attached.kept(name, kept.pages, kept.name)

    async def _look(
        self, attachment: Attachment, entry: Mapping[str, Any], address: Address, told: _Read, *, may_show: bool
    ) -> None:
        is_told, name = bool(entry.get(_IS_TOLD)), attached.name_of(attachment)
        what = attached.UNSEEN
        if may_show:
            try:
                told.images.append(await self._files.look_at(self._source(address), attachment))
                told.left.append(asdict(attachment) | {_IS_TOLD: True})
                what = attached.VISIBLE
            except DocumentUnreadable as error:
                logger.info("an image of a message could not be looked at: %s", error)
                what = f"{attached.UNSEEN}: {error}"
        if not is_told:
            told.lines.append(attached.image(name, what))
        elif what != attached.VISIBLE:
            told.is_unseen = True

    async def _written(
        self,
        agent: Agent,
        found: Sequence[FilesOf],
        by_id: Mapping[int, Message],
        read: Mapping[int, _Read],
        keep: Keep,
    ) -> tuple[Agent, tuple[Message, ...]]:
        ours = [of for of in found if of.event_id in read]
        texts = {of.message_id: read[of.event_id].text(by_id[of.message_id].text or "") for of in ours}
        images = {of.message_id: tuple(read[of.event_id].images) for of in ours if read[of.event_id].images}

        async def commit() -> Agent:
            async with self._stores.recall.rewriting(), self._stores.database.write() as transaction:
                self._stores.agents.check(agent.scope, agent.revision)
                for of in ours:
                    is_passing = not agent.keeps(by_id[of.message_id])
                    text = texts[of.message_id]
                    await self._stores.recall.rewrite(
                        transaction, agent.id, [of.message_id], text, is_passing=is_passing
                    )
                    await self._stores.inbox.save_files(transaction, of.event_id, read[of.event_id].left)
            self._stores.recall.index_soon()
            return self._requeued(replace(agent, images=images), texts)

        agent_then = await whole(commit(), keep)
        return agent_then, tuple(replace(it, text=texts.get(it.id, it.text)) for it in by_id.values())

    def _requeued(self, agent: Agent, texts: Mapping[int, str]) -> Agent:
        """The agent with other texts in its queue."""
        compiler = self._minds.of(agent).compiler
        queue = [
            compiler.queued(
                [replace(queued.message, text=texts[queued.message.id])], agent.zone, names_speaker=not agent.is_direct
            )[0]
            if queued.message.id in texts
            else queued
            for queued in agent.queue
        ]
        return replace(agent, queue=tuple(queue))
