"""A table on standard output."""

from collections.abc import Collection, Sequence

from adapters.console.plain import stdout_line


def print_table(rows: Sequence[Sequence[str]], numbers: Collection[int] = ()) -> None:
    """Print rows, the first of which heads the columns; those of `numbers` stand to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            text.rjust(width) if column in numbers else text.ljust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        stdout_line("  ".join(cells).rstrip())
