"""`doctor`: every check, a line each; beside a running bot."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime

import bot.commands
from adapters.console.plain import stdout_line
from adapters.ports.checkup import Finding
from bot.implementations import examinable_platforms
from bot.operator import checks
from bot.operator.errors import CannotBeDone
from bot.operator.model_check import check_model, check_other_models
from bot.registry import Command, discover
from config.settings import Settings

CHECKS = (
    checks.check_settings,
    checks.check_words,
    check_model,
    check_other_models,
    checks.check_embedder,
    checks.check_storage,
    checks.check_vectors,
    checks.check_unanswered,
    checks.check_disk,
    checks.check_clock,
)


async def examine(settings: Settings, now: Callable[[], datetime]) -> None:
    """Print what each check came to, as soon as it did.

    Raises:
        CannotBeDone: something has to be mended.
    """
    failed = number = 0
    async for finding in _findings(settings, now):
        stdout_line(as_line(finding))
        number += 1
        failed += finding.verdict == "fail"
    if failed:
        raise CannotBeDone(f"{failed} of {number} checks failed.")


async def _findings(settings: Settings, now: Callable[[], datetime]) -> AsyncIterator[Finding]:
    for check in CHECKS:
        yield await check(settings, now())
    commands = discover(bot.commands, Command)
    for platform in examinable_platforms(settings):
        for finding in await platform.examine([commands[name].spec for name in sorted(commands)]):
            yield finding


def as_line(finding: Finding) -> str:
    """A finding for the terminal."""
    return f"{finding.verdict:<4}  {finding.about}: {finding.told}"
