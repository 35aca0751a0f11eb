"""What the agent is told of files that came with a message: a line for each, below the person's words (pure).

How long is it?
[attached: report.pdf, 12 pages, in your archival memory]
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from adapters.ports.messages import Attachment
from bot.text import clean, counted, one_line

MAX_NAME_CHARS = 100

NOT_MEANT = "the message is not meant for you"
"""Why a file is not read in whose message the bot was not meant."""

VISIBLE, UNSEEN = "visible to you until you have answered", "which you cannot see"

_BEGINNING = "[attached: "
_AFTER_NAME = r"(?:, \d+ pages?)?, (?:in your archival memory|could not be read:|not read:)"
# Whatever signs, seen or not, stand within; each row of them is looked at once, however long it is.
_LIKE_OURS = re.compile(r"(?<![\W_])[\W_]++(?=" + r"[\W_]*+".join("attached") + ")", re.IGNORECASE)
_QUOTES = str.maketrans({"[": "(", "]": ")", '"': "'"})


def as_said(text: str) -> str:
    """A person's words, in which nothing passes for a line of ours."""
    return _LIKE_OURS.sub(lambda signs: signs[0].replace("[", "("), text)


def name_of(attachment: Attachment) -> str:
    """What a file is called, on one line, without the signs that stand around it."""
    return one_line(clean(attachment.name).translate(_QUOTES), MAX_NAME_CHARS) or "(without a name)"


def kept(name: str, pages: int | None, known_as: str) -> str:
    """It can be searched, perhaps under another name: that of the same file, or with a number."""
    long = f", {counted(pages, 'page')}" if pages else ""
    other = f" as {known_as}" if known_as != name else ""
    return f"{_BEGINNING}{name}{long}, in your archival memory{other}]"


def unreadable(name: str, reason: str) -> str:
    """It could not be had, or not be read; the reason is a sentence without its full stop."""
    return f"{_BEGINNING}{name}, could not be read: {reason}]"


def unread(name: str, reason: str) -> str:
    """Nobody tried to read it."""
    return f"{_BEGINNING}{name}, not read: {reason}]"


def image(name: str, what: str) -> str:
    """A picture: `VISIBLE`, `UNSEEN`, or why not."""
    return f'{_BEGINNING}image "{name}", {what}]'


def with_lines(text: str, lines: Sequence[str]) -> str:
    """A message with what is told of its files."""
    return "\n".join([*([text] if text else []), *lines])


def rewritten(old: str, text: str, names: Sequence[str] | None = None) -> str:
    """Other words for a message, above what was told of its files: of those that it still has, if they are named."""
    lines = old.split("\n")
    below = len(lines)
    while below and lines[below - 1].startswith(_BEGINNING):
        below -= 1
    about = lines[below:]
    return with_lines(text, about if names is None else _still_true(about, names))


def _still_true(lines: Sequence[str], names: Sequence[str]) -> list[str]:
    """The lines that tell of files of these names, each of one."""
    left = list(names)
    kept = []
    for line in lines:
        if (name := next((name for name in left if _is_about(line, name)), None)) is not None:
            left.remove(name)
            kept.append(line)
    return kept


def _is_about(line: str, name: str) -> bool:
    """Whether a line tells of a file of that name; another name may begin with it."""
    called = rf'{re.escape(_BEGINNING)}(?:image "{re.escape(name)}",|{re.escape(name)}{_AFTER_NAME})'
    return re.match(called, line) is not None


def unseen(text: str) -> str:
    """The same message, of which no picture can be seen after all."""
    lines = [line.replace(VISIBLE, UNSEEN) if line.startswith(_BEGINNING) else line for line in text.split("\n")]
    return "\n".join(lines)


def words_of(text: str) -> str:
    """What the person wrote, of one message or of several."""
    return "\n".join(line for line in text.split("\n") if not line.startswith(_BEGINNING)).strip()


def attachments_of(written: Sequence[Mapping[str, Any]]) -> tuple[Attachment, ...]:
    """The files of an event, as its inbox has them."""
    return tuple(Attachment(**{of.name: entry[of.name] for of in fields(Attachment)}) for entry in written)
