"""Whether a reply holds the right answer: by its words, or by what a model says."""

import re
import unicodedata
from collections.abc import Sequence

from adapters.ports.errors import ModelError
from adapters.ports.model import ChatMessage, LanguageModel
from benchmarks.memory.case import Question

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")

INSTRUCTIONS = (
    "You grade the answer of an assistant against the right answer. It is right if it says the same, in whatever "
    "words, with whatever is beside it; a date may be told in any form. It is wrong if it says something else, says "
    "several things of which one is right, or says that it does not know. Answer with one word: right or wrong."
)


def normalized(text: str) -> str:
    """A text without capitals, accents, punctuation, articles and more than one space at a time."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", text.casefold()) if not _is_mark(letter))
    return " ".join(_ARTICLES.sub(" ", re.sub(r"[\W_]+", " ", plain)).split())


def holds(reply: str, answers: Sequence[str]) -> bool:
    """Whether a reply is one of the answers, or has one in it as whole words."""
    said = f" {normalized(reply)} "
    return any(f" {wanted} " in said for answer in answers if (wanted := normalized(answer)))


async def model_finds_right(model: LanguageModel, question: Question, reply: str) -> bool:
    """What a model says of a reply; a model that gives no answer finds it wrong."""
    right = " / ".join(question.answers)
    asked = f"Question: {question.text}\nRight answer: {right}\nAnswer of the assistant: {reply}"
    try:
        answer = await model.complete([ChatMessage("system", INSTRUCTIONS), ChatMessage("user", asked)])
    except ModelError:
        return False
    return bool(re.match(r"\W*right\b", (answer.text or "").rpartition("</think>")[2], re.IGNORECASE))


def _is_mark(letter: str) -> bool:
    return unicodedata.category(letter) == "Mn"
