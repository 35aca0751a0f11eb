"""Kills a bot from within, at a moment that can be named: before or after its n-th commit, or write of vectors."""

import os
import signal
import sqlite3
from collections.abc import Callable
from itertools import count
from typing import Any, TypeVar

Result = TypeVar("Result")


def hook(name: str) -> None:
    """Make this process die as a hook says: `commit-before-3`, `vectors-after-1`."""
    what, when, at = name.split("-")
    numbers = count(1)

    def deadly(work: Callable[[], Result]) -> Result:
        is_last = next(numbers) == int(at)
        if is_last and when == "before":
            _die()
        result = work()
        if is_last and when == "after":
            _die()
        return result

    {"commit": _at_commits, "vectors": _at_vectors}[what](deadly)


def _at_commits(deadly: Callable[[Callable[[], None]], None]) -> None:
    class Mortal(sqlite3.Connection):
        def commit(self) -> None:
            if self.in_transaction:
                deadly(super().commit)

    connect = sqlite3.connect

    def connecting(*arguments: Any, **options: Any) -> sqlite3.Connection:
        return connect(*arguments, **{"factory": Mortal} | options)

    sqlite3.connect = sqlite3.dbapi2.connect = connecting  # type: ignore[assignment, attr-defined]


def _at_vectors(deadly: Callable[[Callable[[], None]], None]) -> None:
    from chromadb.api.models.Collection import Collection

    upsert = Collection.upsert

    def upserting(self: Collection, *arguments: Any, **options: Any) -> None:
        deadly(lambda: upsert(self, *arguments, **options))

    Collection.upsert = upserting  # type: ignore[method-assign]


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
