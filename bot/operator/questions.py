"""Questions in a terminal. Whoever ends them with Ctrl-C or Ctrl-D has answered nothing: `typer.Abort` is raised."""

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import typer

Accept = Callable[[str], str | None]
"""What is wrong with an answer, or None if it will do."""


class Asker(Protocol):
    """Somebody who can be asked."""

    def choose(self, question: str, options: Sequence[str], default: int) -> int:
        """The place of the option that was chosen."""
        ...

    def text(self, question: str, default: str, accept: Accept) -> str:
        """A line that will do."""
        ...

    def secret(self, question: str) -> str:
        """A line that is not shown; empty if nothing was typed."""
        ...


class TerminalAsker:
    """An `Asker` at this terminal."""

    def choose(self, question: str, options: Sequence[str], default: int) -> int:
        """See `Asker`."""
        typer.echo(f"\n{question}")
        for number, option in enumerate(options, 1):
            typer.echo(f"  {number}. {option}")

        def fault(answer: str) -> str | None:
            is_one = answer.isdecimal() and 1 <= int(answer) <= len(options)
            return None if is_one else f"A number from 1 to {len(options)}, please."

        return int(self.text("Number", str(default + 1), fault)) - 1

    def text(self, question: str, default: str, accept: Accept) -> str:
        """See `Asker`."""
        while True:
            with _interruptible():
                answer = str(typer.prompt(question, default=default or None)).strip()
            if (fault := accept(answer)) is None:
                return answer
            typer.echo(f"  {fault}")

    def secret(self, question: str) -> str:
        """See `Asker`."""
        with _interruptible():
            return str(typer.prompt(question, default="", show_default=False, hide_input=True)).strip()


def confirm(question: str) -> bool:
    """Ask for a yes or a no; no answer is a no."""
    with _interruptible():
        return typer.confirm(question)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C end the waiting for a line: the event loop would only take note of it, and the line be waited for."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
