"""A bar on the terminal for work that takes long."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bot.documents.library import Progress, Watch


@contextmanager
def watched() -> Iterator[Watch]:
    """A bar on a terminal; elsewhere nothing, as the end says what was done."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda progress: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    from adapters.console.interactive import printable

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def show(progress: Progress) -> None:
            bar.update(task, description=printable(progress.doing), completed=progress.done, total=progress.total)

        yield show
