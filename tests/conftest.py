"""What every test gets: a clean environment, a folder of its own as the working directory, and no network."""

import asyncio
import os
import shutil
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import memory.sqlite.database
from adapters.models.token_counter import BpeTokenCounter
from config.settings import Settings
from memory.sqlite.database import Database

LOOPBACK = ("127.0.0.1", "::1", "localhost")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    for name in [name for name in os.environ if name.lower().endswith("_proxy") or name.startswith("SSL_CERT_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that would reach beyond this machine fails at once."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and address[0] not in LOOPBACK:
            raise AssertionError(f"a test tried to reach {address[0]}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(scope="session")
def new_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database in which nothing is, as the migrations make it."""
    folder = tmp_path_factory.mktemp("new")

    async def make() -> None:
        await (await Database.open(folder / "bot.db", folder, datetime(2026, 3, 1, tzinfo=UTC))).close()

    asyncio.run(make())
    return folder / "bot.db"


@pytest.fixture(autouse=True)
def _new_databases_are_copies(monkeypatch: pytest.MonkeyPatch, new_database: Path) -> None:
    """A test that needs a new database gets a copy of one, which costs less than making it for each."""
    migrate = memory.sqlite.database._migrate

    def make(path: Path) -> None:
        if path.stat().st_size:
            migrate(path)
        else:
            shutil.copyfile(new_database, path)

    monkeypatch.setattr(memory.sqlite.database, "_migrate", make)


@pytest.fixture(autouse=True, scope="session")
def _one_table_of_tokens() -> Iterator[None]:
    """All bots of this process share the table that the first would load: each would look for its pages anew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BpeTokenCounter, "_tokenizer", BpeTokenCounter()._tokenizer)
        yield
