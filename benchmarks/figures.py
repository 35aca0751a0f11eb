"""One figure: printed as a row of a table, and kept as a line of JSON in `benchmarks/figures.jsonl`."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = Path(__file__).with_name("figures.jsonl")


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value and the bound it is to keep: at most (or, with `at_least`, at least) `bound`."""

    name: str
    value: float
    unit: str
    bound: float
    at_least: bool = False

    @property
    def holds(self) -> bool:
        """Whether the bound is kept."""
        return self.value >= self.bound if self.at_least else self.value <= self.bound


def report(figures: Iterable[Figure]) -> None:
    """Print the table, and add the lines to the file."""
    with FILE.open("a", encoding="utf-8") as file:
        for figure in figures:
            sign = ">=" if figure.at_least else "<="
            verdict = "holds" if figure.holds else "DOES NOT HOLD"
            print(f"{figure.name:46} {figure.value:10.3f} {figure.unit:9} {sign} {figure.bound:<8g} {verdict}")
            line = {key: value for key, value in asdict(figure).items() if key != "at_least"} | {"holds": figure.holds}
            file.write(json.dumps(line) + "\n")
