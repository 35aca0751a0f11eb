"""MemGPT's tasks, and labelled conversations from files, with the model of the settings."""

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.memory.case import Case
from benchmarks.memory.conversations import FileUnusable, deep_memory_retrieval, read
from benchmarks.memory.documents import documents
from benchmarks.memory.metered import Meter, Spent
from benchmarks.memory.nested_keys import nested_keys
from benchmarks.memory.run import Asked, GaveUp, ask
from bot.choices import DEFAULT_PRESET, Choices
from bot.testing import open_bot
from config.prices import Prices
from config.settings import EMBEDDED, Settings, SettingsInvalid, load_settings

TASKS = {"keys": nested_keys, "documents": documents, "conversation": deep_memory_retrieval}
PRESETS = {"documents": "memgpt_docs"}

NO_MODEL = "benchmarks.memory: no model to measure; set LLM_MODEL, and OPENAI_API_KEY or OPENAI_BASE_URL."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; returns the exit code."""
    options = _options(arguments)
    try:
        if not _has_model(load_settings()):
            print(NO_MODEL)
            return 0
        asyncio.run(_measure(_cases(options), options))
    except (FileUnusable, SettingsInvalid, GaveUp) as fault:
        print(f"benchmarks.memory: {' '.join(str(fault).split())}", file=sys.stderr)
        return 1
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks.memory", description=__doc__)
    tasks = ",".join(TASKS)
    parser.add_argument("--tasks", type=_task_names, default=tasks, help=f"which of {tasks}; empty for none")
    parser.add_argument("--data", type=Path, nargs="*", default=[], help="labelled conversations (see the README)")
    parser.add_argument("--questions", type=int, help="at most so many of each conversation or task")
    parser.add_argument("--judge", action="store_true", help="the model grades what does not match to the word")
    parser.add_argument("--price-in", type=float, help="of a million prompt tokens")
    parser.add_argument("--price-cached", type=float, help="of a million that the server had cached; as --price-in")
    parser.add_argument("--price-out", type=float, help="of a million tokens of answers")
    parser.add_argument("--out", type=Path, help="write each question, reply and verdict there, a line of JSON each")
    parser.add_argument("--seed", type=int, default=1, help="of the tasks that are made up")
    return parser.parse_args(arguments)


def _task_names(written: str) -> list[str]:
    names = [name.strip() for name in written.split(",") if name.strip()]
    if unknown := [name for name in names if name not in TASKS]:
        raise argparse.ArgumentTypeError(f"no task {unknown[0]!r}; there are {', '.join(TASKS)}")
    return names


def _has_model(settings: Settings) -> bool:
    is_served = settings.openai_api_key is not None or settings.openai_base_url is not None
    return is_served and settings.llm_model != EMBEDDED and not settings.model_is_file


def _cases(options: argparse.Namespace) -> dict[str, list[Case]]:
    made_up = {name: [TASKS[name](options.seed)] for name in options.tasks}
    return made_up | {path.name: read(path) for path in options.data}


async def _measure(cases: dict[str, list[Case]], options: argparse.Namespace) -> None:
    prices = _prices(options)
    print(f"{'task':24} {'right':>11} {'accuracy':>9} {'calls':>6} {'in':>9} {'cached':>9} {'out':>8} {'cost':>9}")
    everything: list[Asked] = []
    for name, of_task in cases.items():
        asked: list[Asked] = []
        for case in of_task:
            asked += await _ask(name, case, options)
        everything += asked
        for category in _categories(asked):
            _print_row(f"  {category}", [one for one in asked if one.question.category == category], prices)
        _print_row(name, asked, prices)
    _print_row("all", everything, prices)


async def _ask(name: str, case: Case, options: argparse.Namespace) -> Sequence[Asked]:
    meter, choices = Meter(), Choices(preset=PRESETS.get(name, DEFAULT_PRESET))

    def told(one: Asked) -> None:
        if options.out is not None:
            line = {
                "task": name,
                "of": case.person,
                "category": one.question.category,
                "question": one.question.text,
                "answers": one.question.answers,
                "reply": one.reply,
                "right": one.is_right,
                "calls": one.spent.calls,
                "prompt_tokens": one.spent.prompt,
                "completion_tokens": one.spent.completion,
            }
            with options.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")

    with tempfile.TemporaryDirectory() as folder:
        async with open_bot(Path(folder), choices=choices, around_model=meter.around) as bot:
            return await ask(bot, meter, case, options.questions, options.judge, told)


def _categories(asked: Sequence[Asked]) -> list[str]:
    found = dict.fromkeys(one.question.category for one in asked)
    return [category for category in found if category] if len(found) > 1 else []


def _prices(options: argparse.Namespace) -> Prices | None:
    if options.price_in is None or options.price_out is None:
        return None
    cached = options.price_in if options.price_cached is None else options.price_cached
    return Prices(options.price_in, cached, options.price_out)


def _print_row(name: str, asked: Sequence[Asked], prices: Prices | None) -> None:
    right, spent = sum(one.is_right for one in asked), sum((one.spent for one in asked), Spent())
    accuracy = f"{100 * right / len(asked):.1f} %" if asked else "-"
    cost = f"{spent.cost(prices):.4f}" if prices else "-"
    print(
        f"{name:24} {f'{right} of {len(asked)}':>11} {accuracy:>9} {spent.calls:6} {spent.prompt:9} {spent.cached:9} "
        f"{spent.completion:8} {cost:>9}"
    )


if __name__ == "__main__":
    sys.exit(main())
