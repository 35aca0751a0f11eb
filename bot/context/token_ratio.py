"""How many tokens a model's server finds for one of ours, as far as it has told."""

LEAST, MOST = 0.3, 3.0
"""Beyond these bounds a server must not talk us out of our own count."""

LOWEST = 0.8
"""It is never taken for less."""


class TokenRatio:
    """Follows what is reported: up at once, since a prompt that is too long fails, and down by and by.

    Args:
        down: the part of the way that it goes down with each report.
    """

    def __init__(self, down: float = 0.25) -> None:
        self.value = 1.0
        self._down = down
        self._is_known = False

    def learn(self, ratio: float) -> None:
        """Take in a report; the first counts for all."""
        if not LEAST <= ratio <= MOST:
            return
        ratio = max(LOWEST, ratio)
        if ratio >= self.value or not self._is_known:
            self.value = ratio
        else:
            self.value += self._down * (ratio - self.value)
        self._is_known = True
