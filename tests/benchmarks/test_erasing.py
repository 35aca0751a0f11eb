"""The benchmark of erasing, small: two hundred canaries are planted, and none is left in any byte."""

from benchmarks.erasing import figures


async def test_no_canary_is_left_in_any_byte() -> None:
    measured = {figure.name: figure for figure in await figures(2_000, 200, 100)}
    assert [name for name, figure in measured.items() if not figure.holds and figure.unit != "s"] == []
