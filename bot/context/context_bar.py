"""A bar that shows what fills the context window (pure)."""

from collections.abc import Mapping
from itertools import cycle

WIDTH = 48
_FILLINGS = "█▓▒░▞"
_FREE = "·"


def context_bar(shares: Mapping[str, int], window: int) -> str:
    """A bar of the window and a line for each part, in characters of one width.

    Args:
        shares: tokens of each part, in the order of the prompt.
        window: tokens of the whole.
    """
    free = max(0, window - sum(shares.values()))
    parts = [*zip(shares, cycle(_FILLINGS), shares.values(), strict=False), ("free", _FREE, free)]
    cells = _cells([tokens for _, _, tokens in parts], WIDTH)
    bar = "".join(filling * count for (_, filling, _), count in zip(parts, cells, strict=True))
    whole = max(1, sum(tokens for _, _, tokens in parts))
    lines = [
        f"{filling} {name:<12}{tokens:>9,} tokens {round(100 * tokens / whole):>4} %" for name, filling, tokens in parts
    ]
    return "\n".join([bar, *lines])


def _cells(sizes: list[int], width: int) -> list[int]:
    """So many cells for each size that they fill the width: the largest remainders get what rounding down leaves."""
    whole = max(1, sum(sizes))
    cells = [size * width // whole for size in sizes]
    by_remainder = sorted(range(len(sizes)), key=lambda at: -(sizes[at] * width % whole))
    for at in by_remainder[: width - sum(cells)]:
        cells[at] += 1
    return cells
