"""Prices of well-known models."""

import pytest

from config.prices import Prices, prices_of


def test_a_name_holds_for_its_dated_versions() -> None:
    mini = prices_of("gpt-4.1-mini")
    assert mini == Prices(prompt=0.4, cached=0.1, completion=1.6)
    assert prices_of("gpt-4.1-mini-2025-04-14") == mini


def test_a_dated_version_may_have_prices_of_its_own() -> None:
    assert prices_of("gpt-4o-2024-05-13") == Prices(prompt=5, cached=5, completion=15)
    assert prices_of("gpt-4o-2024-08-06") == prices_of("gpt-4o") == Prices(prompt=2.5, cached=1.25, completion=10)


@pytest.mark.parametrize("name", ["", "llama3", "gpt-4.1-mini-2025", "gpt-4.1-mini-audio-2025-04-14", "my/gpt-4o"])
def test_of_other_names_nothing_is_known(name: str) -> None:
    assert prices_of(name) is None


def test_what_was_cached_costs_its_own_price() -> None:
    assert Prices(2.0, 0.5, 8.0).of(1_000_000, 400_000, 100_000) == pytest.approx(0.6 * 2 + 0.4 * 0.5 + 0.1 * 8)
