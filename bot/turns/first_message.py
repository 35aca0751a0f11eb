"""What the first words to a person must not show: the machinery behind the agent (pure).

An agent does as it did before, so a first message that shows a call or an envelope spoils the whole conversation.
MemGPT checks its first message for the same reason. Wrong tools or arguments are no matter of this check: the model is
told of them.
"""

import json
import re
from collections.abc import Collection

from bot.tiers.ports import Answer
from memory.ports import Kind

ATTEMPTS = 3
"""How often a model is asked for its first message in all; then what there is is taken."""

_ENVELOPE = re.compile(
    r"[\"']type[\"']\s*:\s*[\"'](?:" + "|".join(kind.value for kind in Kind if kind is not Kind.ASSISTANT) + ")[\"']"
)
_TEMPLATE_MARK = re.compile(
    r"<\|[^|>\n]{1,40}\|>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>|</?s>|</?tool_(?:call|response)s?>|\[TOOL_CALLS\]"
)
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)
_EMPTY_QUOTES = re.compile(r"(?<![\w\"'])(?:\"\"|''|“”|«»)(?![\w\"'])")
_ROLE = re.compile(r"\s*(?:assistant|send_message|inner (?:monologue|thoughts))\s*:", re.IGNORECASE)


def shows_machinery(text: str, tools: Collection[str]) -> str | None:
    """What a text shows that a person must not see, in a word or two for the log; None if it may be said."""
    called = re.compile(
        rf"\b(?:{'|'.join(map(re.escape, tools))})\b[`\"']*\s*\(|[\"'](?:{'|'.join(map(re.escape, tools))})[\"']"
    )
    if tools and called.search(text):
        return "a call"
    if "request_heartbeat" in text:
        return "request_heartbeat"
    if _ENVELOPE.search(text):
        return "an envelope"
    if _TEMPLATE_MARK.search(text):
        return "a template mark"
    if _ROLE.match(text):
        return "a role"
    if _EMPTY_QUOTES.search(_CODE.sub(" ", text)) or (text.strip() and not text.strip(" \t\n\"'`“”«»{}[]()")):
        return "empty quotes"
    return None


def would_say(answer: Answer, *, answers_person: bool) -> tuple[str, ...]:
    """What a person would hear of an answer."""
    if not answer.calls:
        return (answer.text,) if answer.text and answers_person else ()
    messages = (_message(call.arguments) for call in answer.calls if call.name == "send_message")
    return tuple(message for message in messages if isinstance(message, str))


def _message(arguments: str) -> object:
    try:
        read = json.loads(arguments)
    except (ValueError, RecursionError):
        return None  # the model is told
    return read.get("message") if isinstance(read, dict) else None
