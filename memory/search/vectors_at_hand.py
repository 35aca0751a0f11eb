"""Vectors of owners who hold many, kept at hand as whole numbers of a byte and compared one by one.

Chroma's filter by owner takes longer the more the owner holds; without it, others would be ranked with them.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, compress

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memory.ports import Vector

MAX_AT_HAND = 64_000_000
"""Bytes of all vectors at hand together; one owner may hold more by itself, a quarter of what Chroma takes for it."""

_BLOCK = 2048

Tags = frozenset[str]


@dataclass(frozen=True, slots=True)
class VectorsAtHand:
    """Vectors of one owner and what they are tagged with, all of one length.

    Each vector has its own scale, so `lengths` are those of `numbers`.
    """

    ids: NDArray[np.int64]
    numbers: NDArray[np.int8]
    lengths: NDArray[np.float32]
    tags: tuple[Tags, ...]

    @classmethod
    def of(cls, ids: Sequence[int], vectors: ArrayLike, tags: Iterable[Tags]) -> "VectorsAtHand":
        """Take in vectors, each under its passage's id."""
        exact = np.asarray(vectors, np.float32)
        largest = np.maximum(np.abs(exact).max(axis=1, keepdims=True), np.float32(1e-12))
        numbers = np.rint(exact * (127 / largest)).astype(np.int8)
        lengths = np.maximum(np.linalg.norm(numbers.astype(np.float32), axis=1), np.float32(1))
        return cls(np.asarray(ids, np.int64), numbers, lengths, tuple(tags))

    @classmethod
    def joined(cls, parts: Sequence["VectorsAtHand"]) -> "VectorsAtHand":
        """All of these as one."""
        return cls(
            np.concatenate([part.ids for part in parts]),
            np.concatenate([part.numbers for part in parts]),
            np.concatenate([part.lengths for part in parts]),
            tuple(chain.from_iterable(part.tags for part in parts)),
        )

    @property
    def size(self) -> int:
        """In bytes, each set of tags counted as one that others share."""
        return self.ids.nbytes + self.numbers.nbytes + self.lengths.nbytes + 8 * len(self.tags)

    def replaced(self, ids: Sequence[int], vectors: ArrayLike, tags: Iterable[Tags]) -> "VectorsAtHand":
        """The same with some added, in the place of those with their ids."""
        return self.joined([self.without(ids), self.of(ids, vectors, tags)])

    def without(self, ids: Sequence[int]) -> "VectorsAtHand":
        """The same but for some; ids that are not there are ignored."""
        return self._those(~np.isin(self.ids, ids))

    def tagged(self, wanted: Tags) -> "VectorsAtHand":
        """Those that carry all of these tags."""
        if not wanted:
            return self
        return self._those(np.fromiter((wanted <= carried for carried in self.tags), np.bool_, len(self.tags)))

    def nearest(self, vector: Vector, limit: int) -> list[tuple[int, float]]:
        """The nearest with their cosine similarity, in no order."""
        sought = np.asarray(vector, np.float32)
        sought = sought / max(float(np.linalg.norm(sought)), 1e-12)
        likeness = np.empty(len(self.ids), np.float32)
        for begin in range(0, len(likeness), _BLOCK):  # all at once as floats they would take four times their memory
            some = self.numbers[begin : begin + _BLOCK].astype(np.float32)
            # Not by `@`: that shares the work among threads, which takes longer, and very long on a busy machine.
            likeness[begin : begin + _BLOCK] = np.einsum("ij,j->i", some, sought)
        likeness /= self.lengths
        best = np.argpartition(-likeness, limit)[:limit] if len(likeness) > limit else np.arange(len(likeness))
        return [(int(self.ids[at]), float(likeness[at])) for at in best]

    def _those(self, stay: NDArray[np.bool_]) -> "VectorsAtHand":
        return VectorsAtHand(
            self.ids[stay], self.numbers[stay], self.lengths[stay], tuple(compress(self.tags, stay.tolist()))
        )


class AtHand:
    """Of whom vectors are at hand, by owner and embedder; whoever was searched longest ago makes room."""

    def __init__(self, most: int = MAX_AT_HAND) -> None:
        self._most = most
        self._held: OrderedDict[tuple[int, str], VectorsAtHand] = OrderedDict()

    def get(self, owner: int, embedder: str) -> VectorsAtHand | None:
        """What is at hand of an owner."""
        held = self._held.get((owner, embedder))
        if held is not None:
            self._held.move_to_end((owner, embedder))
        return held

    def keep(self, owner: int, embedder: str, vectors: VectorsAtHand) -> None:
        """Have all vectors of an owner at hand."""
        self._held[owner, embedder] = vectors
        self._held.move_to_end((owner, embedder))
        size = sum(held.size for held in self._held.values())
        while size > self._most and len(self._held) > 1:
            size -= self._held.popitem(last=False)[1].size

    def take(self, owner: int, embedder: str) -> VectorsAtHand | None:
        """What was at hand of an owner, and is no more."""
        return self._held.pop((owner, embedder), None)

    def remove(self, owner: int, ids: Sequence[int]) -> None:
        """Have some passages of an owner no more, whichever embedder made their vectors."""
        for of, embedder in self._held:
            if of == owner:
                self._held[of, embedder] = self._held[of, embedder].without(ids)

    def clear(self) -> None:
        """Have nothing at hand."""
        self._held.clear()
