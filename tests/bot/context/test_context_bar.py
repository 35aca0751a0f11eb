"""The bar of the context window."""

from hypothesis import given
from hypothesis import strategies as st

from bot.context.context_bar import WIDTH, context_bar


def test_each_part_has_its_filling_and_its_line() -> None:
    bar, *lines = context_bar({"system": 1024, "messages": 2048}, 4096).splitlines()
    assert bar == "█" * 12 + "▓" * 24 + "·" * 12
    assert lines == [
        "█ system          1,024 tokens   25 %",
        "▓ messages        2,048 tokens   50 %",
        "· free            1,024 tokens   25 %",
    ]


def test_no_two_parts_look_alike() -> None:
    lines = context_bar(dict.fromkeys(("system", "core memory", "summary", "people", "messages"), 100), 1000)
    assert len({line[0] for line in lines.splitlines()[1:]}) == 6


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=4), st.integers(1, 10**6))
def test_it_is_always_as_wide(sizes: list[int], window: int) -> None:
    bar, *lines = context_bar({f"part {number}": size for number, size in enumerate(sizes)}, window).splitlines()
    assert len(bar) == WIDTH
    assert len(lines) == len(sizes) + 1
