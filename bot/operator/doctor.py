"""`doctor`: every check, a line each; beside a running bot."""

from collections.abc import Callable
from datetime import datetime

from adapters.console.plain import stdout_line
from bot.operator import checks
from bot.operator.checks import Finding
from bot.operator.errors import CannotBeDone
from config.settings import Settings

CHECKS = (
    checks.check_settings,
    checks.check_words,
    checks.check_model,
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
    failed = 0
    for check in CHECKS:
        finding = await check(settings, now())
        stdout_line(as_line(finding))
        failed += finding.verdict == "fail"
    if failed:
        raise CannotBeDone(f"{failed} of {len(CHECKS)} checks failed.")


def as_line(finding: Finding) -> str:
    """A finding for the terminal."""
    return f"{finding.verdict:<4}  {finding.about}: {finding.told}"
