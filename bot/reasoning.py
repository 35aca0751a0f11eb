"""What a model thinks aloud, told from what it says (pure).

Models put marks around their reasoning, in pairs. Chat templates may write the opening mark themselves, so that an
answer holds the closing one alone; an answer that was cut inside has no closing one. So what is said is what stands
neither behind an opening mark nor before a closing one. Code that shows such marks is left alone.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

_TAG = r"(?:(?:\w{1,20}:)?think(?:ing)?|thoughts?|reasoning)"
_THOUGHT_CHANNEL = r"\s*(?:analysis|commentary|thought)"
_MARKS = (
    (rf"<{_TAG}(?:\s[^<>]*)?(?<!/)>", rf"</{_TAG}\s*>"),
    (r"\[THINK\]", r"\[/THINK\]"),  # Mistral
    (r"◁think▷", r"◁/think▷"),  # Kimi
    (r"<\|START_THINKING\|>", r"<\|END_THINKING\|>(?:\s*<\|START_RESPONSE\|>)?|<\|START_RESPONSE\|>"),  # Cohere
    (r"<\|inner_prefix\|>", r"<\|inner_suffix\|>"),  # Apertus
    (r"<\|begin_of_thought\|>", r"<\|end_of_thought\|>"),  # OpenThinker
    (rf"<\|channel>{_THOUGHT_CHANNEL}", r"<channel\|>"),  # Gemma
    (  # gpt-oss: https://cookbook.openai.com/articles/openai-harmony
        rf"(?:<\|start\|>assistant)?<\|channel\|>{_THOUGHT_CHANNEL}",
        r"<\|start\|>assistant\s*<\|message\|>|(?:<\|start\|>assistant)?"
        rf"<\|channel\|>(?!{_THOUGHT_CHANNEL})(?:\s*final\b\s*)?(?:<\|message\|>)?",
    ),
)
# Where a server leaves out gpt-oss's marks, the names of the parts are all there is: nobody begins and goes on so.
_NAMES_ALONE = r"\A\s*analysis.*assistantfinal"
_FLAGS = re.DOTALL | re.IGNORECASE
_OPENING = "|".join(opening for opening, _ in _MARKS)
_CLOSING = "|".join((*(closing for _, closing in _MARKS), _NAMES_ALONE))
_MARK = re.compile(rf"(?P<opening>{_OPENING})|(?P<closing>{_CLOSING})", _FLAGS)
_MARK_OR_CODE = re.compile(rf"{_MARK.pattern}|(?P<code>```.*?```|`[^`\n]+`)", _FLAGS)
_ENDS = ("<|return|>", "<|end|>", "<|END_RESPONSE|>")


@dataclass(frozen=True, slots=True)
class _Mark:
    start: int
    end: int
    opens: bool


@dataclass(frozen=True, slots=True)
class _Stretch:
    """What stands between two marks, or between one and an end of the text."""

    start: int
    end: int
    is_opened: bool
    """Whether it stands right behind an opening mark."""
    is_said: bool


def without_reasoning(text: str) -> str:
    """What a model says, without what it thinks before, behind or between: for words, not for JSON that holds some."""
    said = (it for it in _stretches(text) if it.is_said)
    return "".join(_without_ends(text[it.start : it.end]) for it in said).strip()


def after_reasoning(text: str) -> str:
    """What a model says after thinking aloud, to the end: for JSON, in whose values marks may stand."""
    for it in _stretches(text):
        is_begin = it.is_said and text[it.start : it.end].strip()
        if is_begin or (not it.is_opened and _holds_object_beyond(text, it)):
            return text[it.start :].strip()
    return ""


def is_opened_unseen(text: str) -> bool:
    """Whether a text begins with reasoning that has a closing mark and no opening one."""
    first = next(_stretches(text))
    return not first.is_said and not _holds_object_beyond(text, first)


def is_closed(text: str) -> bool:
    """Whether a text has a mark at which reasoning ends."""
    return not all(mark.opens for mark in _marks(text))


def _stretches(text: str) -> Iterator[_Stretch]:
    marks = _marks(text)
    depths = _depths(marks)
    start, is_opened = 0, False
    for mark, depth in zip(marks, depths, strict=True):
        yield _Stretch(start, mark.start, is_opened, is_said=mark.opens and not is_opened and not depth)
        start, is_opened = mark.end, mark.opens
    yield _Stretch(start, len(text), is_opened, is_said=not is_opened)


def _marks(text: str) -> list[_Mark]:
    marks, at = [], 0
    while found := _MARK_OR_CODE.search(text, at):
        at = found.end()
        if found["code"] is None:
            marks.append(_Mark(found.start(), at, found["opening"] is not None))
        elif not _quotes(found["code"]):
            at = found.start() + (3 if found["code"].startswith("```") else 1)
    return marks


def _quotes(code: str) -> bool:
    """Whether code shows what marks it holds; around a closing one alone the backticks stand by chance."""
    first = _MARK.search(code)
    return first is None or first["opening"] is not None or first.group() == code.strip("` \n")


def _depths(marks: Sequence[_Mark]) -> Iterator[int]:
    """Before each mark, within how many pairs it stands; an opening mark without its closing one makes no pair."""
    open_, change = list[int](), [0] * (len(marks) + 1)
    for number, mark in enumerate(marks):
        if mark.opens:
            open_.append(number)
        elif open_:
            change[open_.pop() + 1] += 1
            change[number + 1] -= 1
    return accumulate(change[:-1])


def _holds_object_beyond(text: str, stretch: _Stretch) -> bool:
    """Whether the mark at the end of a stretch stands within an object, so that it is a word of a value."""
    brace = text.find("{", stretch.start, stretch.end)
    if brace < 0:
        return False
    try:
        _, end = json.JSONDecoder(strict=False).raw_decode(text, brace)
    except (ValueError, RecursionError):
        return False
    return end > stretch.end


def _without_ends(text: str) -> str:
    """A text without the marks by which a whole answer ends."""
    end = at = len(text)
    while at:
        if text[at - 1].isspace():
            at -= 1
        elif mark := next((mark for mark in _ENDS if text.endswith(mark, 0, at)), None):
            end = at = at - len(mark)
        else:
            break
    return text[:end]
