"""Every setting: its default, what is refused and in which words, and where it is read from."""

import os
import re
from datetime import time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from config.settings import QuietHours, Settings, SettingsInvalid, load_settings

# The table of the contract.
DEFAULTS: dict[str, object] = {
    "bot_platforms": ("console",),
    "bot_data_dir": Path("./data"),
    "bot_database_url": None,
    "bot_owners": (),
    "bot_health_port": None,
    "bot_health_host": "127.0.0.1",
    "bot_log_level": "INFO",
    "bot_log_format": "text",
    "bot_timezone": "UTC",
    "bot_preset": "memgpt_chat",
    "bot_persona": None,
    "bot_admission": "open",
    "bot_break_glass": False,
    "bot_keep_direct_days": 0,
    "bot_keep_channel_days": 0,
    "bot_max_waiting_messages": 20,
    "bot_answer_bots": False,
    "bot_max_file_mb": 25,
    "bot_web_pages": False,
    "llm_model": "embedded",
    "llm_model_summaries": None,
    "llm_model_timed": None,
    "openai_api_key": None,
    "openai_base_url": None,
    "llm_context_window": None,
    "llm_tier": "auto",
    "llm_max_steps": 20,
    "llm_timeout_s": 120,
    "llm_retry_hours": 1,
    "llm_sees_images": "auto",
    "embedding_model": "embedded",
    "memory_warn_fraction": 0.7,
    "memory_flush_fraction": 1.0,
    "memory_evict_fraction": 0.5,
    "memory_block_tokens": 1000,
    "memory_summary_style": "narrative",
    "memory_vector_index": "chroma",
    "memory_preload": (),
    "heartbeat_interval_minutes": 0,
    "heartbeat_idle_days": 3,
    "heartbeat_quiet_hours": QuietHours(time(22), time(8)),
    "heartbeat_messages_per_day": 2,
    "follow_ups_per_person": 50,
    "reflection_after_minutes": 0,
    "reflection_max_per_day": 4,
    "budget_tokens_per_user_day": 0,
    "budget_tokens_per_day": 0,
    "budget_heartbeat_fraction": 0.1,
    "discord_token": None,
    "discord_api_url": None,
    "discord_gateway_url": None,
    "slack_bot_token": None,
    "slack_app_token": None,
    "slack_signing_secret": None,
    "slack_api_url": None,
    "slack_port": 3000,
}


def read(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Settings:
    """The settings of an environment, and of the `.env` in the working directory."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return load_settings()


def faults(monkeypatch: pytest.MonkeyPatch, **environment: str) -> list[str]:
    with pytest.raises(SettingsInvalid) as caught:
        read(monkeypatch, **environment)
    assert str(caught.value) == "\n".join(caught.value.faults)
    assert all(fault.splitlines() == [fault] for fault in caught.value.faults)
    return caught.value.faults


def test_nothing_set_gives_the_defaults_of_the_contract() -> None:
    assert load_settings().model_dump() == DEFAULTS


WRONG = [
    ("BOT_PLATFORMS", "console,irc", "should name some of console, discord, slack"),
    ("BOT_PLATFORMS", ",", "should name some of console, discord, slack"),
    ("BOT_OWNERS", "ada", "should hold entries such as discord:<id> or slack:<team>/<id>"),
    ("BOT_OWNERS", "discord:1,slack:T1", "should hold entries such as"),
    ("BOT_HEALTH_PORT", "0", "should be greater than or equal to 1"),
    ("BOT_HEALTH_PORT", "65536", "should be less than or equal to 65535"),
    ("BOT_HEALTH_PORT", "http", "should be a valid integer"),
    ("BOT_LOG_LEVEL", "LOUD", "should be 'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
    ("BOT_LOG_FORMAT", "xml", "should be 'text' or 'json'"),
    ("BOT_TIMEZONE", "Europe/Atlantis", "should be an IANA time zone such as Europe/Lisbon"),
    ("BOT_TIMEZONE", "../../etc/passwd", "should be an IANA time zone"),
    ("BOT_ADMISSION", "closed", "should be 'open', 'allowlist' or 'pairing'"),
    ("LLM_MODEL_SUMMARIES", "embedded", "should be a model of the server, by the name that `python -m bot models`"),
    ("LLM_MODEL_TIMED", "/srv/model.gguf", "should be a model of the server"),
    ("LLM_CONTEXT_WINDOW", "1023", "should be greater than or equal to 1024"),
    ("LLM_CONTEXT_WINDOW", "8k", "should be a valid integer"),
    ("LLM_TIER", "magic", "should be 'auto', 'tools', 'json' or 'text'"),
    ("LLM_MAX_STEPS", "0", "should be greater than or equal to 1"),
    ("LLM_MAX_STEPS", "2.5", "should be a valid integer"),
    ("LLM_TIMEOUT_S", "0", "should be greater than 0"),
    ("LLM_TIMEOUT_S", "soon", "should be a valid number"),
    ("LLM_RETRY_HOURS", "-1", "should be greater than or equal to 0"),
    ("MEMORY_WARN_FRACTION", "70", "should be less than or equal to 1"),
    ("MEMORY_FLUSH_FRACTION", "0", "should be greater than 0"),
    ("MEMORY_EVICT_FRACTION", "nan", "should be"),
    ("MEMORY_BLOCK_TOKENS", "49", "should be greater than or equal to 50"),
    ("MEMORY_SUMMARY_STYLE", "verse", "should be 'narrative' or 'spr'"),
    ("REFLECTION_MAX_PER_DAY", "0", "should be greater than or equal to 1"),
    ("HEARTBEAT_INTERVAL_MINUTES", "-5", "should be greater than or equal to 0"),
    ("HEARTBEAT_IDLE_DAYS", "0", "should be greater than 0"),
    ("HEARTBEAT_MESSAGES_PER_DAY", "-1", "should be greater than or equal to 0"),
    ("FOLLOW_UPS_PER_PERSON", "many", "should be a valid integer"),
    ("HEARTBEAT_QUIET_HOURS", "22:00", "should be two times such as 22:00-08:00"),
    ("HEARTBEAT_QUIET_HOURS", "25:00-08:00", "should be two times such as 22:00-08:00"),
    ("HEARTBEAT_QUIET_HOURS", "22:00Z-08:00", "should be two times such as 22:00-08:00"),
    ("HEARTBEAT_QUIET_HOURS", "at night", "should be two times such as 22:00-08:00"),
    ("REFLECTION_AFTER_MINUTES", "-1", "should be greater than or equal to 0"),
    ("BUDGET_TOKENS_PER_USER_DAY", "-1", "should be greater than or equal to 0"),
    ("BUDGET_TOKENS_PER_DAY", "many", "should be a valid integer"),
    ("BUDGET_HEARTBEAT_FRACTION", "1.1", "should be less than or equal to 1"),
    ("SLACK_PORT", "99999", "should be less than or equal to 65535"),
]


@pytest.mark.parametrize(("name", "value", "told"), WRONG, ids=[f"{name}={value}" for name, value, _ in WRONG])
def test_a_wrong_value_is_told_in_one_line_with_the_name_and_the_value(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    (fault,) = faults(monkeypatch, **{name: value})
    assert fault.startswith(f"{name}: ")
    assert told in fault
    assert fault.endswith(f"(it is {value!r})")


def test_a_long_value_and_its_line_breaks_stay_one_short_line(monkeypatch: pytest.MonkeyPatch) -> None:
    (fault,) = faults(monkeypatch, BOT_LOG_FORMAT="text\n" * 1000)
    assert len(fault) < 200


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        pytest.param("BOT_DATABASE_URL", "postgresql://bot:hunter2@db/bot", "Postgres is not supported", id="postgres"),
        pytest.param("BOT_DATABASE_URL", "postgresql+asyncpg://bot:hunter2@db/bot", "Postgres", id="asyncpg"),
        pytest.param("BOT_DATABASE_URL", "POSTGRES://bot:hunter2@db/bot", "Postgres", id="capitals"),
        pytest.param("BOT_DATABASE_URL", "mysql://bot:hunter2@db/bot", "should be a SQLite file", id="mysql"),
        pytest.param("BOT_DATABASE_URL", "hunter2", "should be a SQLite file", id="no URL"),
        pytest.param("BOT_DATABASE_URL", "sqlite+aiosqlite:///:memory:", "should be a SQLite file", id="in memory"),
        pytest.param("BOT_DATABASE_URL", "sqlite://", "should be a SQLite file", id="no file"),
        pytest.param("OPENAI_BASE_URL", "ada:hunter2@localhost", "should be a URL", id="no scheme"),
        pytest.param("OPENAI_BASE_URL", "ftp://ada:hunter2@localhost", "should be a URL", id="ftp"),
        pytest.param("OPENAI_BASE_URL", "https:///hunter2", "should be a URL", id="no host"),
    ],
)
def test_a_wrong_url_is_told_without_showing_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    (fault,) = faults(monkeypatch, **{name: value})
    assert fault.startswith(f"{name}: ")
    assert told in fault
    assert "hunter2" not in fault


SECRETS = [name for name, field in Settings.model_fields.items() if "Secret" in str(field.annotation)]


def test_every_token_key_and_secret_is_held_as_one() -> None:
    assert set(SECRETS) == {name for name in Settings.model_fields if re.search("_(key|token|secret)$", name)}


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_never_shown(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    settings = read(monkeypatch, **{name.upper(): "hunter2"})
    assert getattr(settings, name) == SecretStr("hunter2")
    assert "hunter2" not in f"{settings} {settings!r} {settings.model_dump()} {settings.model_dump_json()}"
    assert "hunter2" not in "".join(faults(monkeypatch, **{name.upper(): "hunter2\udcff", "LLM_TIER": "x"}))


def test_each_fault_has_a_line_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    told = faults(monkeypatch, LLM_TIER="magic", BOT_TIMEZONE="Mars", SLACK_PORT="x", OPENAI_BASE_URL="nowhere")
    assert {fault.partition(":")[0] for fault in told} == {
        "LLM_TIER",
        "BOT_TIMEZONE",
        "SLACK_PORT",
        "OPENAI_BASE_URL",
    }
    assert len(told) == 4


def test_settings_that_do_not_agree_are_each_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told = faults(
        monkeypatch,
        LLM_MODEL="gpt-4o",
        EMBEDDING_MODEL="text-embedding-3-small",
        MEMORY_WARN_FRACTION="0.9",
        MEMORY_FLUSH_FRACTION="0.8",
        BOT_PLATFORMS="discord, slack",
    )
    assert [fault.partition(":")[0] for fault in told] == [
        "OPENAI_API_KEY",
        "OPENAI_API_KEY",
        "MEMORY_WARN_FRACTION",
        "DISCORD_TOKEN",
        "SLACK_BOT_TOKEN",
        "SLACK_APP_TOKEN",
    ]


def test_a_remote_model_needs_a_key_or_a_server_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    (fault,) = faults(monkeypatch, LLM_MODEL="gpt-4o")
    assert fault.startswith("OPENAI_API_KEY: needed for this LLM_MODEL")
    assert read(monkeypatch, OPENAI_BASE_URL="http://127.0.0.1:11434/v1").openai_api_key is None
    monkeypatch.delenv("OPENAI_BASE_URL")
    assert read(monkeypatch, OPENAI_API_KEY="sk-1").openai_base_url is None


@pytest.mark.parametrize("model", ["embedded", "model.gguf", "/models/Tiny.GGUF"])
def test_a_model_in_this_process_needs_no_key(monkeypatch: pytest.MonkeyPatch, model: str) -> None:
    settings = read(monkeypatch, LLM_MODEL=model)
    assert settings.model_is_file is (model != "embedded")


def test_slack_needs_a_bot_token_and_one_of_two_ways_in(monkeypatch: pytest.MonkeyPatch) -> None:
    (fault,) = faults(monkeypatch, BOT_PLATFORMS="slack", SLACK_BOT_TOKEN="xoxb-1")
    assert fault.startswith("SLACK_APP_TOKEN: ")
    assert read(monkeypatch, SLACK_SIGNING_SECRET="s").slack_app_token is None
    monkeypatch.delenv("SLACK_SIGNING_SECRET")
    assert read(monkeypatch, SLACK_APP_TOKEN="xapp-1").slack_signing_secret is None


def test_discord_needs_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    (fault,) = faults(monkeypatch, BOT_PLATFORMS="console,discord")
    assert fault.startswith("DISCORD_TOKEN: ")
    assert read(monkeypatch, DISCORD_TOKEN="t").bot_platforms == ("console", "discord")


def test_the_environment_wins_over_the_env_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("LLM_TIER=json\nBOT_TIMEZONE=Europe/Lisbon\nUNHEARD_OF=1\n", encoding="utf-8")
    settings = read(monkeypatch, LLM_TIER="text")
    assert (settings.llm_tier, settings.bot_timezone) == ("text", "Europe/Lisbon")
    assert settings.zone == ZoneInfo("Europe/Lisbon")


def test_a_byte_order_mark_hides_nothing() -> None:
    Path(".env").write_bytes(b"\xef\xbb\xbfLLM_TIER=json\r\nBOT_TIMEZONE=Asia/Tokyo\r\n")
    settings = load_settings()
    assert (settings.llm_tier, settings.bot_timezone) == ("json", "Asia/Tokyo")


def test_an_env_file_that_is_no_text_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_bytes(b"LLM_TIER=\xff\xfe\n")
    (fault,) = faults(monkeypatch)
    assert fault.startswith(".env: cannot be read")


def test_a_fault_in_the_env_file_is_told_like_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("LLM_TIER=magic\n", encoding="utf-8")
    (fault,) = faults(monkeypatch)
    assert fault.startswith("LLM_TIER: ")


def test_empty_values_count_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {name.upper(): "" for name in Settings.model_fields}
    assert read(monkeypatch, **environment).model_dump() == DEFAULTS


def test_an_empty_value_in_the_environment_leaves_the_env_files(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("LLM_TIER=json\n", encoding="utf-8")
    assert read(monkeypatch, LLM_TIER="").llm_tier == "json"


def test_what_the_command_line_says_wins_and_its_none_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_MODEL", "from-environment.gguf")
    assert load_settings(llm_model="given.gguf").llm_model == "given.gguf"
    assert load_settings(llm_model=None).llm_model == "from-environment.gguf"
    with pytest.raises(SettingsInvalid, match=r"^LLM_TIER: "):
        load_settings(llm_tier="magic")


def test_lists_bear_blanks_and_loose_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(monkeypatch, BOT_OWNERS=" discord:12 ,, slack:T1/U1, ", BOT_LOG_LEVEL="debug")
    assert settings.bot_owners == ("discord:12", "slack:T1/U1")
    assert settings.bot_log_level == "DEBUG"


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("22:00-08:00", QuietHours(time(22), time(8))),
        ("9:30 - 17:05", QuietHours(time(9, 30), time(17, 5))),
        (" 00:00-00:00 ", QuietHours(time(0), time(0))),
    ],
)
def test_quiet_hours_are_two_local_times(monkeypatch: pytest.MonkeyPatch, text: str, hours: QuietHours) -> None:
    assert read(monkeypatch, HEARTBEAT_QUIET_HOURS=text).heartbeat_quiet_hours == hours


def test_the_database_is_a_file_in_the_data_directory_unless_its_url_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert read(monkeypatch, BOT_DATA_DIR="here").database_path == Path("here/bot.db")
    assert read(monkeypatch, BOT_DATABASE_URL="sqlite:////var/lib/bot.db").database_path == Path("/var/lib/bot.db")
    assert read(monkeypatch, BOT_DATABASE_URL="sqlite+aiosqlite:///bot.db").database_path == Path("bot.db")


def test_settings_do_not_change() -> None:
    settings = load_settings()
    with pytest.raises(ValidationError, match="frozen"):
        settings.llm_model = "other"


PRINTABLE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=60)


@hypothesis_settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(name=st.sampled_from(sorted(Settings.model_fields)), value=PRINTABLE)
def test_any_text_is_a_value_or_one_line_with_its_name(name: str, value: str) -> None:
    os.environ[name.upper()] = value
    try:
        load_settings()
    except SettingsInvalid as invalid:
        for fault in invalid.faults:
            assert re.match(r"[A-Z][A-Z_]+: \S", fault)
            assert len(fault.splitlines()) == 1
    finally:
        del os.environ[name.upper()]


@pytest.mark.parametrize("key", ["sk-…", "sk-abc def", "sk-ключ"])
def test_a_key_that_no_header_takes_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(SettingsInvalid) as caught:
        load_settings()
    (fault,) = caught.value.faults
    assert fault.startswith("OPENAI_API_KEY: should be the key alone")
    assert key not in fault


def test_a_line_of_the_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("# fine\nLLM_MAX_STEPS=5\nthis is = no setting\nLLM_TIMEOUT_S='unclosed\n")
    with pytest.raises(SettingsInvalid) as caught:
        load_settings()
    assert caught.value.faults[0] == ".env: line 3 cannot be read"


def test_a_directory_in_the_place_of_the_file_is_told(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    with pytest.raises(SettingsInvalid, match="is a directory"):
        load_settings()
