"""What people deleted and edited while nobody listened: found by comparing, and followed as if it were told now."""

import logging

from adapters.ports.messages import MessageChange, Stretch
from bot.documents.attached import as_said
from bot.events import quoted
from bot.inbound.changes import Changes, says_now
from bot.log import of_scope
from bot.scopes import scope_of
from bot.text import clean
from memory.recall.heard import Heard, Wording
from memory.sqlite.database import is_passing

logger = logging.getLogger(__name__)


class Histories:
    """Compares what stands in a place with what is kept of it."""

    def __init__(self, heard: Heard, changes: Changes) -> None:
        self._heard = heard
        self._changes = changes

    async def compare(self, platform: str, stretch: Stretch) -> None:
        """See `adapters.ports.Compare`."""
        scope = scope_of(stretch.origin)
        with of_scope(scope):
            try:
                changes = await self._changed(scope, stretch)
            except Exception as error:  # the last line, as for turns
                if is_passing(error):
                    raise
                logger.exception("what stands in a place could not be compared")
                return
            for change in changes:
                await self._changes.change(platform, change)

    async def _changed(self, scope: str, stretch: Stretch) -> list[MessageChange]:
        address = stretch.origin.address
        kept = await self._heard.between(scope, address.channel, address.thread, stretch.since, stretch.until)
        gone = tuple(sorted(kept - stretch.message_ids))
        edits = {id_: edit for edit in stretch.edited for id_ in edit.message_ids}
        wordings = await self._heard.wordings(scope, edits) if edits else {}
        edited = [
            edits[id_]
            for id_, known in wordings.items()
            if any(_is_out_of_date(wording, edits[id_]) for wording in known)
        ]
        if gone or edited:
            logger.info("changed while nobody listened deleted=%d edited=%d", len(gone), len(edited))
        # As a platform tells it at once: whose they are is known by their names, wherever something of them is kept;
        # unless these are names within the place.
        place = stretch.origin if stretch.names_are_of_place else None
        return [*([MessageChange(place, gone, None)] if gone else []), *edited]


def _is_out_of_date(wording: Wording, edit: MessageChange) -> bool:
    text = as_said(clean(edit.text or ""))
    if wording.quote is not None and wording.quote != quoted(text, edit.attachments):
        return True
    return wording.text is not None and wording.text != says_now(wording.text, text, edit.attachments)
