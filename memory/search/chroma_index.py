"""The vector index in Chroma: ids, vectors, owner and hashed tags, never text.

A fixed number of collections shared by hash: a collection for each owner would cost 2.7 MiB of memory apiece.
"""

import hashlib
import logging
import re
import shutil
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memory.ports import IndexEntry, Vector
from memory.search.chroma_thread import ChromaThread, client_of

if TYPE_CHECKING:
    import numpy as np
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection
    from chromadb.api.types import GetResult
    from numpy.typing import NDArray

    from memory.search.vectors_at_hand import VectorsAtHand

logger = logging.getLogger(__name__)

COLLECTIONS = 16
NEW = ".new"
"""Ends the name of the folder that is to take the place of the index's."""

_PAGE = 1000
_OWNER = "agent_id"
"""The field's name is from when only agents had vectors; indexes that are kept by it stay valid."""

_PASSAGE_ID = re.compile("[1-9][0-9]{0,17}")


class ChromaIndex:
    """A `VectorIndex` kept in a folder, in this process; the folder is made when first needed."""

    def __init__(
        self,
        folder: Path,
        loaded: Callable[[], None] = lambda: None,
        blank: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        """Keep a folder.

        Args:
            folder: where.
            loaded: is called, in Chroma's thread, each time that Chroma has opened it.
            blank: around all that Chroma does: it writes memory to disk that it has not filled.
        """
        self._chroma = ChromaThread(folder, loaded, blank)

    async def upsert(self, owner: int, embedder: str, entries: Sequence[IndexEntry]) -> None:
        """See `VectorIndex`."""

        def work() -> None:
            collection, ids = self._collection(owner, embedder), [entry.passage_id for entry in entries]
            vectors, tags = _matrix([entry.vector for entry in entries]), [entry.tags for entry in entries]
            held = self._chroma.at_hand.take(owner, embedder)  # should Chroma fail halfway, it is read anew
            # Chroma's own upsert keeps the tags that there were. To delete what is not there takes as long as to
            # delete what is, and to look is quick.
            if known := collection.get(ids=list(map(str, ids)), include=[])["ids"]:
                collection.delete(ids=known)
            collection.upsert(
                ids=list(map(str, ids)),
                embeddings=vectors,
                metadatas=[_metadata(owner, some) for some in tags],
            )
            if held is not None:
                self._chroma.at_hand.keep(owner, embedder, held.replaced(ids, vectors, map(_hashed, tags)))

        if entries:
            await self._chroma.run(work, writes=True)

    async def nearest(
        self, owners: Sequence[int], embedder: str, vector: Vector, tags: Sequence[str], limit: int
    ) -> Sequence[tuple[int, float]]:
        """See `VectorIndex`. Chroma's graph of neighbours is not used: it may miss some, or all, of one owner's."""

        def work() -> Sequence[tuple[int, float]]:
            found = [hit for owner in owners for hit in self._near(owner, embedder, vector, tags, limit)]
            return sorted(found, key=lambda hit: -hit[1])[:limit]

        return await self._chroma.run(work)

    async def delete(self, owner: int, passage_ids: Sequence[int]) -> None:
        """See `VectorIndex`."""

        def work() -> None:
            doomed = {str(id_) for id_ in passage_ids}
            for held in self._every_collection(owner):
                # Asked for ids and owner at once, Chroma takes a thousand times as long.
                own = [id_ for id_ in held.get(where=_metadata(owner, ()), include=[])["ids"] if id_ in doomed]
                for at in range(0, len(own), _PAGE):
                    held.delete(ids=own[at : at + _PAGE])
            self._chroma.at_hand.remove(owner, passage_ids)

        if passage_ids:
            await self._chroma.run(work, writes=True)

    async def keep_only(self, owner_of: Mapping[int, int]) -> int:
        """See `VectorIndex`. Chroma leaves deleted vectors in its files, so those that stay move to a new folder."""
        folder = self._chroma.folder
        if not folder.is_dir():
            return 0
        new = folder.with_name(f"{folder.name}{NEW}")

        def begin() -> "tuple[ClientAPI, Sequence[str]]":
            shutil.rmtree(new, ignore_errors=True)
            return client_of(new), [held.name for held in self._chroma.client.list_collections()]

        def move() -> None:
            client.close()  # type: ignore[attr-defined]
            self._chroma.disconnect()
            shutil.rmtree(folder)  # killed here: an index that is not there is built anew from SQL
            new.rename(folder)

        client, names = await self._chroma.run(begin)
        left_behind = 0
        for name in names:
            offset: int | None = 0
            while offset is not None:  # a page each time, for others want to search
                copy = partial(_copy_page, self._chroma, client, name, offset, owner_of)
                offset, gone = await self._chroma.run(copy)
                left_behind += gone
        await self._chroma.run(move)
        return left_behind

    async def entries(self) -> AsyncIterator[tuple[int, int]]:
        """See `VectorIndex`."""

        def names() -> Sequence[str]:
            return [held.name for held in self._chroma.client.list_collections()]

        for name in await self._chroma.run(names):
            for entry in await self._chroma.run(partial(self._entries_of, name)):
                yield entry

    async def count(self, owners: Sequence[int]) -> int:
        """See `VectorIndex`."""

        def work() -> int:
            return sum(
                len(held.get(where=_metadata(owner, ()), include=[])["ids"])
                for owner in owners
                for held in self._every_collection(owner)
            )

        return await self._chroma.run(work)

    async def close(self) -> None:
        """See `VectorIndex`."""
        await self._chroma.close()

    def _near(
        self, owner: int, embedder: str, vector: Vector, tags: Sequence[str], limit: int
    ) -> Sequence[tuple[int, float]]:
        held = self._chroma.at_hand.get(owner, embedder)
        if held is None:
            conditions: list[Any] = [{key: value} for key, value in _metadata(owner, tags).items()]
            where: Any = conditions[0] if len(conditions) == 1 else {"$and": conditions}
            collection = self._collection(owner, embedder)
            few = collection.get(where=where, limit=limit + 1, include=["embeddings"])
            if len(few["ids"]) <= limit:
                return _compared(few, vector)
            held = _read(collection, owner)
            self._chroma.at_hand.keep(owner, embedder, held)
        return held.tagged(_hashed(tags)).nearest(vector, limit)

    def _entries_of(self, name: str) -> Sequence[tuple[int, int]]:
        collection, found = self._chroma.client.get_collection(name, embedding_function=None), list[tuple[int, int]]()
        strangers: list[str] = []
        while (page := collection.get(limit=_PAGE, offset=len(found) + len(strangers), include=["metadatas"]))["ids"]:
            for id_, metadata in zip(page["ids"], page["metadatas"] or (), strict=True):
                owner = (metadata or {}).get(_OWNER)
                if isinstance(owner, int) and name.endswith(f"-{_shelf(owner)}") and _PASSAGE_ID.fullmatch(id_):
                    found.append((owner, int(id_)))
                else:
                    strangers.append(id_)
        for at in range(0, len(strangers), _PAGE):
            collection.delete(ids=strangers[at : at + _PAGE])
        if strangers:
            logger.warning("vector index mended: %d removed that nobody could have found", len(strangers))
        return found

    def _collection(self, owner: int, embedder: str) -> "Collection":
        kind = hashlib.sha256(embedder.encode()).hexdigest()[:8]
        return _make_collection(self._chroma.client, f"passages-{kind}-{_shelf(owner)}", {"embedder": embedder})

    def _every_collection(self, owner: int) -> "list[Collection]":
        """The one that an owner has for each embedder that there was."""
        return [held for held in self._chroma.client.list_collections() if held.name.endswith(f"-{_shelf(owner)}")]


def _shelf(owner: int) -> str:
    return f"{owner % COLLECTIONS:02d}"


def _make_collection(client: "ClientAPI", name: str, metadata: Any) -> "Collection":
    return client.get_or_create_collection(
        name,
        metadata=metadata,
        embedding_function=None,
        # A graph of neighbours as small as can be: it is not searched, but takes time to make, and memory.
        configuration={"hnsw": {"space": "cosine", "max_neighbors": 4, "ef_construction": 10}},
    )


def _copy_page(
    chroma: ChromaThread, client: "ClientAPI", name: str, offset: int, owner_of: Mapping[int, int]
) -> tuple[int | None, int]:
    """Copy a page of a collection, but for what is not known; returns where the next begins, and how many that were."""
    old = chroma.client.get_collection(name, embedding_function=None)
    page = old.get(limit=_PAGE, offset=offset, include=["embeddings", "metadatas"])
    if not page["ids"]:
        return None, 0
    owners = [(metadata or {}).get(_OWNER) for metadata in page["metadatas"] or ()]
    kept = [
        at
        for at, (id_, owner) in enumerate(zip(page["ids"], owners, strict=True))
        if _PASSAGE_ID.fullmatch(id_) and owner_of.get(int(id_)) == owner and isinstance(owner, int)
    ]
    if kept:
        vectors: Any = page["embeddings"]
        metadatas: Any = page["metadatas"]
        _make_collection(client, name, old.metadata).upsert(
            ids=[page["ids"][at] for at in kept],
            embeddings=vectors[kept],
            metadatas=[metadatas[at] for at in kept],
        )
    return offset + len(page["ids"]), len(page["ids"]) - len(kept)


def _read(collection: "Collection", owner: int) -> "VectorsAtHand":
    """All vectors of an owner; in pages, for Chroma hands them out at several times their size."""
    from memory.search.vectors_at_hand import VectorsAtHand

    where, parts = _metadata(owner, ()), []
    seen: dict[frozenset[str], frozenset[str]] = {}
    offset = 0
    while (page := collection.get(where=where, limit=_PAGE, offset=offset, include=["embeddings", "metadatas"]))["ids"]:
        tags = [frozenset(of) - {_OWNER} for of in page["metadatas"] or ()]
        vectors: Any = page["embeddings"]
        shared = [seen.setdefault(some, some) for some in tags]
        parts.append(VectorsAtHand.of(list(map(int, page["ids"])), vectors, shared))
        offset += len(page["ids"])
    return VectorsAtHand.joined(parts)


def _compared(held: "GetResult", vector: Vector) -> Sequence[tuple[int, float]]:
    """All of these, compared one by one: quicker than the graph search when they are few, and exact."""
    import numpy as np

    if not held["ids"]:
        return []
    vectors = np.asarray(held["embeddings"], np.float32)
    lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(vector)
    products = np.einsum("ij,j->i", vectors, np.asarray(vector, np.float32))  # see `VectorsAtHand.nearest`
    likeness = products / np.maximum(lengths, 1e-12)
    return [(int(id_), float(like)) for id_, like in zip(held["ids"], likeness, strict=True)]


def _metadata(owner: int, tags: Sequence[str]) -> dict[str, Any]:
    return {_OWNER: owner} | dict.fromkeys(_hashed(tags), True)


def _hashed(tags: Sequence[str]) -> frozenset[str]:
    return frozenset(f"tag-{hashlib.sha256(tag.encode()).hexdigest()[:16]}" for tag in tags)


def _matrix(vectors: Sequence[Vector]) -> "NDArray[np.float32]":
    import numpy as np

    return np.asarray(vectors, dtype=np.float32)
