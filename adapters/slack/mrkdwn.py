"""What Slack writes of a message's text, and what a reader sees of it (pure).

Mentions, links and special words stand in angle brackets, and what people type of `&`, `<` and `>` is escaped:
https://docs.slack.dev/messaging/formatting-message-text/
"""

import re
from collections.abc import Mapping

_MARKED = re.compile(r"<([^<>]*)>")
_PERSON = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^<>]*)?>")
_CODE = re.compile(r"(```.*?(?:```|\Z)|`[^`\n]+`)", re.DOTALL)
_EVERYBODY = ("channel", "here", "everyone")


def people_in(text: str) -> tuple[str, ...]:
    """The ids of those whom a text mentions, each once."""
    return tuple(dict.fromkeys(_PERSON.findall(text)))


def mentions_a_group(text: str) -> bool:
    """Whether it mentions one of the groups that a workspace makes; everybody is no such group."""
    return "<!subteam^" in text


def without_call(text: str, me: str) -> str:
    """A text without the mention of the bot before or after it, which only calls it."""
    call = re.compile(rf"<@{re.escape(me)}(?:\|[^<>]*)?>")
    called = re.compile(rf"\A\s*+{call.pattern}[\s,:]*+")
    for _ in range(2):
        text = called.sub("", text, count=1)
        # Looked for from its end: a search for it would read a long gap in the text again from each of its places.
        stripped = text.rstrip()
        at = stripped.rfind("<")
        if at >= 0 and call.fullmatch(stripped, at):
            text = stripped[:at].rstrip()
    return text


def plain(text: str, names: Mapping[str, str]) -> str:
    """A text as people read it; `names` are those of people, by their ids, as far as they are known."""
    return unescaped(_MARKED.sub(lambda found: _shown(found[1], names), text))


def with_names(text: str, names: Mapping[str, str]) -> str:
    """Markdown in which those whom it mentions stand with their names, outside of code; who is not known stays."""
    pieces = _CODE.split(text)
    for at in range(0, len(pieces), 2):
        pieces[at] = _PERSON.sub(lambda found: f"@{names[found[1]]}" if found[1] in names else found[0], pieces[at])
    return "".join(pieces)


def unescaped(text: str) -> str:
    """A text in which `&`, `<` and `>` stand for themselves again."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def escaped(text: str) -> str:
    """A text in which nothing means something to Slack."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _shown(marked: str, names: Mapping[str, str]) -> str:
    meant, _, label = marked.partition("|")
    if meant.startswith("@"):
        return f"@{names.get(meant[1:]) or label.removeprefix('@') or meant[1:]}"
    if meant.startswith("#"):
        return f"#{label or meant[1:]}"
    if meant.startswith("!"):
        return _special(meant[1:], label)
    address = meant.removeprefix("mailto:").removeprefix("tel:")
    if not label or label in (meant, address):
        return address
    # The label of a domain that somebody typed is that domain: Slack itself made a link of it.
    return label if meant in (f"http://{label}", f"https://{label}") else f"[{label}]({meant})"


def _special(word: str, label: str) -> str:
    name = word.partition("^")[0]
    if name in _EVERYBODY:
        return f"@{name}"
    return label or f"@{name}"


_OPENS = r"(?:<|&(?:lt|LT|#0*60|#[xX]0*3[cC]);)"
_MEANS = r"(?:\\*[@#!]|&(?:excl|num|commat|#0*(?:33|35|64)|#[xX]0*(?:21|23|40));|https?://[^<>\s|]{0,3000}+\|)"
_LIVE = re.compile(rf"({_OPENS})(?={_MEANS})")
"""Also as Markdown writes the same signs otherwise: who reads that takes backslashes and entities for what they are."""

_APART = "\u2060"


def lifeless(text: str) -> str:
    """Markdown of the model in which nothing can be a mention, even in code: no such mark opens as Slack knows it.

    A word joiner is not seen, and breaks no line. `&lt;` would be seen in code, where Markdown takes it as it stands.
    """
    return _LIVE.sub(rf"\1{_APART}", text)
