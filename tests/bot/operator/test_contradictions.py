"""Settings that contradict each other are worth a line of `doctor`; those of a usual bot are not."""

from pathlib import Path
from typing import Any

import pytest

from bot.operator.checks import check_settings
from bot.testing import Clock
from config.settings import load_settings

SERVED = {"llm_model": "m", "openai_base_url": "http://127.0.0.1:9/v1"}
BEATS = {"heartbeat_interval_minutes": 60}
CASES: tuple[tuple[dict[str, Any], str], ...] = (
    (
        {"heartbeat_interval_minutes": 5000},
        "INTERVAL_MINUTES=5000 is too long for HEARTBEAT_IDLE_DAYS=3, so no heartbeat ever comes: 3600 at most",
    ),
    ({"heartbeat_interval_minutes": 4000}, "so not every heartbeat comes: 3600 at most"),
    (BEATS | {"heartbeat_messages_per_day": 0}, "with HEARTBEAT_MESSAGES_PER_DAY=0: no heartbeat ever comes"),
    (BEATS | {"heartbeat_quiet_hours": "00:00-23:59"}, "HEARTBEAT_QUIET_HOURS=00:00-23:59 leave too little of a day"),
    (BEATS | {"heartbeat_quiet_hours": "08:00-07:55"}, "HEARTBEAT_QUIET_HOURS=08:00-07:55 leave too little of a day"),
    (
        {"reflection_after_minutes": 5, "budget_tokens_per_day": 1000, "budget_heartbeat_fraction": 0},
        "BUDGET_HEARTBEAT_FRACTION=0 leaves nothing for REFLECTION_AFTER_MINUTES=5",
    ),
    (
        BEATS | {"budget_tokens_per_user_day": 1000, "budget_heartbeat_fraction": 0},
        "BUDGET_HEARTBEAT_FRACTION=0 leaves nothing for HEARTBEAT_INTERVAL_MINUTES=60",
    ),
    (BEATS | {"llm_tier": "text"}, "LLM_TIER=text: a model that only writes text is no use for HEARTBEAT_"),
    (BEATS | {"llm_model": "embedded"}, "LLM_MODEL=embedded: a model that only writes text is no use for HEARTBEAT_"),
    ({"memory_preload": ("https://example.com/",)}, "MEMORY_PRELOAD names pages of the web, and BOT_WEB_PAGES is not"),
)


@pytest.mark.parametrize(("chosen", "told"), CASES)
async def test_what_leaves_nothing_of_another_setting_is_told_in_one_line(
    chosen: dict[str, Any], told: str, tmp_path: Path
) -> None:
    finding = await check_settings(load_settings(bot_data_dir=tmp_path, **SERVED | chosen), Clock()())
    assert finding.verdict == "warn"
    assert told in finding.told
    assert "\n" not in finding.told


@pytest.mark.parametrize(
    "chosen",
    [
        {},
        BEATS,
        {"heartbeat_interval_minutes": 3600},
        BEATS | {"heartbeat_quiet_hours": "12:00-12:00"},
        BEATS | {"budget_heartbeat_fraction": 0},
        {"heartbeat_messages_per_day": 0, "heartbeat_quiet_hours": "00:00-23:59"},
        {"budget_tokens_per_day": 1000, "budget_heartbeat_fraction": 0},
        BEATS | {"llm_model": "embedded", "llm_model_timed": "m"},
        {"llm_model": "embedded"},
        {"memory_preload": ("https://example.com/",), "bot_web_pages": True},
    ],
)
async def test_what_agrees_is_no_concern(chosen: dict[str, Any], tmp_path: Path) -> None:
    finding = await check_settings(load_settings(bot_data_dir=tmp_path, **SERVED | chosen), Clock()())
    assert finding.verdict == "ok"
