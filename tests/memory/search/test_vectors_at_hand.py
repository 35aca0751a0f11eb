"""Vectors at hand: near enough to the exact ones, and no more of them than there is room for."""

import numpy as np
import pytest

from memory.search.vectors_at_hand import AtHand, VectorsAtHand

NO_TAGS = frozenset[str]()


def vectors(count: int, *, seed: int = 0) -> VectorsAtHand:
    made = np.random.default_rng(seed).standard_normal((count, 64))
    return VectorsAtHand.of(list(range(count)), made, [NO_TAGS] * count)


def test_a_byte_a_number_ranks_as_the_exact_vectors_do() -> None:
    made = np.random.default_rng(1).standard_normal((5000, 64)) * 7
    sought = made[123]
    exact = (made @ sought) / np.linalg.norm(made, axis=1) / np.linalg.norm(sought)
    found = dict(VectorsAtHand.of(list(range(5000)), made, [NO_TAGS] * 5000).nearest(list(sought), 100))
    assert len(found) == 100
    assert found[123] == pytest.approx(1.0, abs=1e-2)
    assert all(like == pytest.approx(exact[id_], abs=1e-2) for id_, like in found.items())
    assert len(found.keys() & set(np.argsort(-exact)[:100].tolist())) >= 95


def test_a_vector_of_zeros_is_like_nothing() -> None:
    held = VectorsAtHand.of([1, 2], [[0.0, 0.0], [0.0, 2.0]], [NO_TAGS] * 2)
    assert dict(held.nearest([0.0, 1.0], 5)) == {1: 0.0, 2: pytest.approx(1.0)}
    assert dict(held.nearest([0.0, 0.0], 5)) == {1: 0.0, 2: 0.0}


def test_whoever_was_asked_for_longest_ago_makes_room() -> None:
    some = vectors(10)
    at_hand = AtHand(most=2 * some.size)
    for owner in (1, 2):
        at_hand.keep(owner, "model", some)
    assert at_hand.get(1, "model") is some
    at_hand.keep(3, "model", some)
    assert [at_hand.get(owner, "model") is some for owner in (1, 2, 3)] == [True, False, True]
    assert at_hand.get(1, "other") is None


def test_one_owner_may_fill_more_than_the_room_by_itself() -> None:
    at_hand = AtHand(most=1)
    at_hand.keep(1, "model", vectors(10))
    assert at_hand.get(1, "model") is not None
    at_hand.keep(2, "model", vectors(10))
    assert at_hand.get(1, "model") is None


def test_what_is_removed_of_an_owner_is_removed_for_every_embedder() -> None:
    at_hand = AtHand()
    for embedder in ("model", "other"):
        at_hand.keep(1, embedder, vectors(3))
    at_hand.keep(2, "model", vectors(3))
    at_hand.remove(1, [0, 2, 99])
    left = [at_hand.get(owner, embedder) for owner, embedder in ((1, "model"), (1, "other"), (2, "model"))]
    assert [held.ids.tolist() for held in left if held is not None] == [[1], [1], [0, 1, 2]]
