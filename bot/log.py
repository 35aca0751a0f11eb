"""Logs on stderr, one line an event (text or JSON), with the agent's scope; never text of messages above DEBUG."""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

_scope: ContextVar[str] = ContextVar("scope", default="-")


@contextmanager
def of_scope(scope: str) -> Iterator[None]:
    """Every line logged inside names this scope."""
    token = _scope.set(scope)
    try:
        yield
    finally:
        _scope.reset(token)


def set_up(level: str, style: Literal["text", "json"]) -> None:
    """Send our log lines to stderr; libraries speak from WARNING on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter() if style == "json" else _TextFormatter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    for package in ("bot", "adapters", "memory", "config"):
        logging.getLogger(package).setLevel(level)


class _TextFormatter(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s [%(scope)s] %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        record.scope = _scope.get()
        return super().format(record)


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": self.formatTime(record),
            "level": record.levelname,
            "logger": record.name,
            "scope": _scope.get(),
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)
