"""What the calls of well-known models cost, from `prices.toml` beside this file."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

_FILE = Path(__file__).with_suffix(".toml")
_DATE = re.compile(r"-\d{4}-\d\d-\d\d$")


@dataclass(frozen=True, slots=True)
class Prices:
    """What a million tokens cost, in any currency; `cached`: of a prompt, what the server had kept from another."""

    prompt: float
    cached: float
    completion: float

    def of(self, prompt_tokens: int, cached_tokens: int, completion_tokens: int) -> float:
        """What that many tokens cost; the cached ones are among those of the prompt."""
        prompt = (prompt_tokens - cached_tokens) * self.prompt + cached_tokens * self.cached
        return (prompt + completion_tokens * self.completion) / 1e6


def prices_of(model: str) -> Prices | None:
    """What a model of OpenAI's costs in US dollars, by its name with or without a date; None if that is not known."""
    known = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    found = known.get(model) or known.get(_DATE.sub("", model))
    return Prices(**found) if found else None
