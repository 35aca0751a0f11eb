"""Asking: each question in a turn of its own, which is taken back before the next, so that none helps another."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.memory.case import Case, Question
from benchmarks.memory.judge import holds, model_finds_right
from benchmarks.memory.metered import Meter, Spent
from bot.testing import Bot

MAX_SILENCES = 3
"""Questions in a row without any reply, after which something is wrong with the model."""


class GaveUp(Exception):
    """The model does not answer; the text is what the person was told."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of a question."""

    question: Question
    reply: str
    is_right: bool
    spent: Spent
    """Of the agent's own calls; a judge's are not among them."""


async def ask(
    bot: Bot, meter: Meter, case: Case, most: int | None, judges: bool, told: Callable[[Asked], None]
) -> Sequence[Asked]:
    """Fill the memory of an agent, and ask.

    Args:
        bot: with the model that is measured.
        meter: that is around this model.
        case: what to ask.
        most: so many of its questions; None for all.
        judges: whether the model says which replies are right that do not hold the answer to the word.
        told: is told each result.

    Raises:
        GaveUp: too many questions in a row had no reply.
    """
    await case.fill(bot, case.person)
    results: list[Asked] = []
    silences = 0
    for question in case.questions[:most]:
        before = meter.spent
        reply = "\n".join(await bot.say(question.text, person=case.person))
        spent = meter.spent - before
        silences = 0 if reply else silences + 1
        if silences == MAX_SILENCES:
            raise GaveUp(bot.platform.notices[-1] if bot.platform.notices else "The model does not answer.")
        is_right = holds(reply, question.answers)
        if not is_right and reply and judges and meter.model is not None:
            is_right = await model_finds_right(meter.model, question, reply)
        results.append(Asked(question, reply, is_right, spent))
        told(results[-1])
        await bot.in_chat("pop", person=case.person)
    return results
