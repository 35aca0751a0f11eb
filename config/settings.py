"""Every setting, in sections: the only place that reads the environment or `.env`.

A name in upper case is the environment variable. `.env.example` says what each is for; a test holds it equal to this
file.
"""

import re
from datetime import time
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from dotenv.parser import parse_stream
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError as SourceError

PLATFORMS = ("console", "discord", "slack")
EMBEDDED = "embedded"
IN_MEMORY = ":memory:"
"""As BOT_DATA_DIR."""
NO_EMBEDDER = "none"
"""As EMBEDDING_MODEL: memory is searched by words alone."""
VECTOR_FILES = {"chroma": "chroma", "exact": "vectors.db"}
"""Where each of MEMORY_VECTOR_INDEX keeps its vectors, in the data directory."""
UNKNOWN_MODEL_WINDOW = 8192


class SettingsInvalid(Exception):
    """Some settings cannot be used; `faults` holds one plain line for each."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class QuietHours(NamedTuple):
    """Local times between which nobody is disturbed; may run over midnight."""

    start: time
    end: time


def _split(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _quiet_hours(value: object) -> object:
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r"\s*(\d\d?):(\d\d)\s*-\s*(\d\d?):(\d\d)\s*", value)
    try:
        if found is None:
            raise ValueError
        from_hour, from_minute, to_hour, to_minute = map(int, found.groups())
        return QuietHours(time(from_hour, from_minute), time(to_hour, to_minute))
    except ValueError:
        raise ValueError("should be two times such as 22:00-08:00") from None


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:
        raise ValueError("names a home directory that there is not") from None


CommaSeparated = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Folder = Annotated[Path, AfterValidator(_expanded)]
Fraction = Annotated[float, Field(gt=0, le=1)]
Port = Annotated[int, Field(ge=1, le=65535)]


def is_file(model: str) -> bool:
    """Whether a model's name is that of a GGUF file, to be served in-process."""
    return model.lower().endswith(".gguf")


def can_be_of_server(model: str) -> bool:
    """Whether a model's name is not one of those that mean one of our own."""
    return model != EMBEDDED and not is_file(model)


class _Section(BaseSettings):
    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8-sig", env_ignore_empty=True, extra="ignore", frozen=True
    )


class BotSection(_Section):
    """The program itself: what it serves, where it keeps things, what it logs."""

    bot_platforms: CommaSeparated = ("console",)
    bot_data_dir: Folder = Path("./data")
    bot_database_url: str | None = None
    bot_owners: CommaSeparated = ()
    bot_health_port: Port | None = None
    bot_health_host: str = "127.0.0.1"
    bot_log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    bot_log_format: Literal["text", "json"] = "text"
    bot_timezone: str = "UTC"
    bot_preset: str = "memgpt_chat"
    """What new agents are made of: a file in presets."""
    bot_persona: str | None = None
    """Who new agents are: a file in personas; None: as their preset says."""
    bot_admission: Literal["open", "allowlist", "pairing"] = "open"
    bot_break_glass: bool = False
    bot_keep_direct_days: Annotated[int, Field(ge=0, le=36_500)] = 0
    bot_keep_channel_days: Annotated[int, Field(ge=0, le=36_500)] = 0
    bot_max_waiting_messages: Annotated[int, Field(ge=1)] = 20
    bot_answer_bots: bool = False
    bot_max_file_mb: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 25
    bot_web_pages: bool = False

    @field_validator("bot_platforms")
    @classmethod
    def _known_platforms(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in value if name not in PLATFORMS]
        if unknown or not value:
            raise ValueError(f"should name some of {', '.join(PLATFORMS)}, separated by commas")
        return value

    @field_validator("bot_database_url")
    @classmethod
    def _supported_database(cls, value: str | None) -> str | None:
        if value is None:
            return None
        scheme = value.partition(":")[0].lower()
        if scheme.startswith("postgres"):
            raise ValueError("Postgres is not supported yet; leave it unset to use SQLite in BOT_DATA_DIR")
        if not re.match(r"^sqlite(\+aiosqlite)?:///.", value) or ":memory:" in value:
            raise ValueError("should be a SQLite file such as sqlite+aiosqlite:////var/lib/bot/bot.db")
        return value

    @field_validator("bot_owners")
    @classmethod
    def _owners_named_in_full(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for owner in value:
            if not re.fullmatch(r"discord:\d+|slack:\w+/\w+", owner):
                raise ValueError("should hold entries such as discord:<id> or slack:<team>/<id>")
        return value

    @field_validator("bot_timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError("should be an IANA time zone such as Europe/Lisbon")
        return value

    @field_validator("bot_log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value


class ModelSection(_Section):
    """The language model and the embedder."""

    llm_model: str = EMBEDDED
    llm_model_summaries: str | None = None
    """What tells of what left the window; None: the model that the agent talks with."""
    llm_model_timed: str | None = None
    """What heartbeats, follow-ups and reflections go to; None: the same."""
    openai_api_key: SecretStr | None = None
    openai_base_url: str | None = None
    llm_context_window: Annotated[int, Field(ge=1024)] | None = None
    llm_tier: Literal["auto", "tools", "json", "text"] = "auto"
    llm_max_steps: Annotated[int, Field(ge=1)] = 20
    llm_timeout_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 120
    llm_retry_hours: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1
    llm_sees_images: Literal["auto", "yes", "no"] = "auto"
    embedding_model: str = EMBEDDED

    @field_validator("llm_model_summaries", "llm_model_timed")
    @classmethod
    def _of_server(cls, value: str | None) -> str | None:
        if value is not None and not can_be_of_server(value):
            raise ValueError("should be a model of the server, by the name that `python -m bot models` shows")
        return value

    @field_validator("openai_api_key")
    @classmethod
    def _plain_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch(r"[\x21-\x7e]+", value.get_secret_value()):
            raise ValueError("should be the key alone, without spaces, an ellipsis or other such characters")
        return value

    @field_validator("openai_base_url")
    @classmethod
    def _http_url(cls, value: str | None) -> str | None:
        try:
            good = value is None or (bool(re.match(r"^https?://[^/\s]+", value)) and urlsplit(value).port != 0)
        except ValueError:  # a port that is none, a bracket that does not close
            good = False
        if not good:
            raise ValueError("should be a URL such as http://127.0.0.1:11434/v1")
        return value

    @property
    def model_is_file(self) -> bool:
        """Whether LLM_MODEL names a GGUF file to be served in-process."""
        return is_file(self.llm_model)


class MemorySection(_Section):
    """When the context window counts as full, how large a block may grow, and what is left of what leaves."""

    memory_warn_fraction: Fraction = 0.7
    memory_flush_fraction: Fraction = 1.0
    memory_evict_fraction: Fraction = 0.5
    memory_block_tokens: Annotated[int, Field(ge=50)] = 1000
    memory_summary_style: Literal["narrative", "spr"] = "narrative"
    memory_vector_index: Literal["chroma", "exact"] = "chroma"
    memory_preload: CommaSeparated = ()
    """Files, folders, patterns and addresses of pages that every agent finds in its archival storage."""


class HeartbeatSection(_Section):
    """When agents wake by themselves."""

    heartbeat_interval_minutes: Annotated[int, Field(ge=0)] = 0
    heartbeat_idle_days: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 3
    heartbeat_quiet_hours: Annotated[QuietHours, NoDecode, BeforeValidator(_quiet_hours)] = QuietHours(
        time(22), time(8)
    )
    heartbeat_messages_per_day: Annotated[int, Field(ge=0)] = 2
    follow_ups_per_person: Annotated[int, Field(ge=0)] = 50
    reflection_after_minutes: Annotated[int, Field(ge=0)] = 0
    reflection_max_per_day: Annotated[int, Field(ge=1)] = 4


class BudgetSection(_Section):
    """What may be spent; 0 means no cap."""

    budget_tokens_per_user_day: Annotated[int, Field(ge=0)] = 0
    budget_tokens_per_day: Annotated[int, Field(ge=0)] = 0
    budget_heartbeat_fraction: Annotated[float, Field(ge=0, le=1)] = 0.1


class DiscordSection(_Section):
    """The Discord application. The two URLs are for proxies and tests."""

    discord_token: SecretStr | None = None
    discord_api_url: str | None = None
    discord_gateway_url: str | None = None

    @field_validator("discord_token")
    @classmethod
    def _plain_token(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch(r"[\x21-\x7e]+", value.get_secret_value()):
            raise ValueError("should be the token alone, without spaces, an ellipsis or other such characters")
        return value


class SlackSection(_Section):
    """The Slack app. With an app token it uses Socket Mode, without one signed HTTP on `SLACK_PORT`."""

    slack_bot_token: SecretStr | None = None
    slack_app_token: SecretStr | None = None
    slack_signing_secret: SecretStr | None = None
    slack_api_url: str | None = None
    slack_port: Port = 3000


class Settings(BotSection, ModelSection, MemorySection, HeartbeatSection, BudgetSection, DiscordSection, SlackSection):
    """All sections together, checked against each other."""

    @model_validator(mode="after")
    def _agree(self) -> Self:
        faults = []
        for name, is_remote in (
            ("LLM_MODEL", can_be_of_server(self.llm_model)),
            ("LLM_MODEL_SUMMARIES", self.llm_model_summaries is not None),
            ("LLM_MODEL_TIMED", self.llm_model_timed is not None),
            ("EMBEDDING_MODEL", self.embedding_model not in (EMBEDDED, NO_EMBEDDER)),
        ):
            if is_remote and self.openai_api_key is None and self.openai_base_url is None:
                faults.append(f"OPENAI_API_KEY: needed for this {name} (or set OPENAI_BASE_URL to your own server)")
        if self.memory_warn_fraction >= self.memory_flush_fraction:
            faults.append("MEMORY_WARN_FRACTION: should be less than MEMORY_FLUSH_FRACTION")
        if self.is_in_memory and self.bot_database_url is not None:
            faults.append("BOT_DATABASE_URL: cannot be set where BOT_DATA_DIR is :memory:")
        if "discord" in self.bot_platforms and self.discord_token is None:
            faults.append("DISCORD_TOKEN: needed because BOT_PLATFORMS names discord")
        if "slack" in self.bot_platforms:
            if self.slack_bot_token is None:
                faults.append("SLACK_BOT_TOKEN: needed because BOT_PLATFORMS names slack")
            if self.slack_app_token is None and self.slack_signing_secret is None:
                faults.append("SLACK_APP_TOKEN: needed because BOT_PLATFORMS names slack (or SLACK_SIGNING_SECRET)")
        if faults:
            raise ValueError("\n".join(faults))
        return self

    @property
    def is_in_memory(self) -> bool:
        """Whether nothing is to be kept on a disk, or beyond the end."""
        return str(self.bot_data_dir) == IN_MEMORY

    @property
    def max_file_bytes(self) -> int:
        """The most that is taken of a file."""
        return round(self.bot_max_file_mb * 1_000_000)

    @property
    def zone(self) -> ZoneInfo:
        """The default time zone."""
        return ZoneInfo(self.bot_timezone)

    @property
    def vectors_path(self) -> Path:
        """Where the vectors of archival storage are kept: a folder or a file, as MEMORY_VECTOR_INDEX says."""
        return self.bot_data_dir / VECTOR_FILES[self.memory_vector_index]

    @property
    def database_path(self) -> Path:
        """The SQLite file."""
        if self.bot_database_url is None:
            return self.bot_data_dir / "bot.db"
        return Path(self.bot_database_url.partition(":///")[2])


def platforms_set() -> tuple[str, ...]:
    """BOT_PLATFORMS as it is, also while other settings still have to be made to fit it."""
    try:
        return BotSection().bot_platforms
    except (ValidationError, SourceError, UnicodeDecodeError, OSError):
        return ("console",)


def load_settings(**overrides: Any) -> Settings:
    """Read the environment and `.env`; `overrides` (by field name) win, and None among them counts as not given.

    Raises:
        SettingsInvalid: with one line per fault; never the value of a secret.
    """
    if faults := _file_faults(Path(".env")):
        raise SettingsInvalid(faults)
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        raise SettingsInvalid([line for fault in error.errors() for line in _describe(fault)]) from None
    except (SourceError, UnicodeDecodeError, OSError) as error:
        raise SettingsInvalid([f".env: cannot be read ({error})"]) from None


def _file_faults(path: Path) -> list[str]:
    """What is wrong with the file as such: the library passes over lines that it cannot read."""
    if path.is_dir():
        return [f"{path}: is a directory; it should be a file, or not there"]
    try:
        with path.open(encoding="utf-8-sig") as lines:
            return [
                f"{path}: line {found.original.line} cannot be read" for found in parse_stream(lines) if found.error
            ]
    except (FileNotFoundError, UnicodeDecodeError):  # the second is told by the library
        return []


def _describe(fault: Any) -> list[str]:
    message = str(fault["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    if not fault["loc"]:  # from `_agree`, which names the settings itself
        return message.splitlines()
    name = str(fault["loc"][0])
    annotation = str(Settings.model_fields[name].annotation) if name in Settings.model_fields else ""
    # A URL may carry a password, so it is as silent as a secret.
    shown = "" if "Secret" in annotation or name.endswith("_url") else f" (it is {str(fault['input'])[:80]!r})"
    return [f"{name.upper()}: {message}{shown}"]
