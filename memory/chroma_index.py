"""The vector index in Chroma: ids, vectors, owner and hashed tags, never text.

A fixed number of collections shared by hash: a collection for each agent would cost 2.7 MiB of memory apiece.
Chroma blocks and takes a second to import, so it lives in a thread of its own and starts at its first use.
"""

import asyncio
import hashlib
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from memory.ports import IndexEntry, IndexLost, Vector

if TYPE_CHECKING:
    import numpy as np
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection
    from numpy.typing import NDArray

COLLECTIONS = 16
_PAGE = 1000

Result = TypeVar("Result")


class ChromaIndex:
    """A `VectorIndex` kept in a folder, in this process; the folder is made when first needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="chroma")
        self._client: ClientAPI | None = None

    async def upsert(self, agent_id: int, embedder: str, entries: Sequence[IndexEntry]) -> None:
        """See `VectorIndex`."""

        def work() -> None:
            collection, ids = self._collection(agent_id, embedder), [str(entry.passage_id) for entry in entries]
            collection.delete(ids=ids)  # Chroma's own upsert keeps the tags that there were
            collection.upsert(
                ids=ids,
                embeddings=_matrix([entry.vector for entry in entries]),
                metadatas=[_metadata(agent_id, entry.tags) for entry in entries],
            )

        if entries:
            await self._in_thread(work)

    async def nearest(
        self, agent_id: int, embedder: str, vector: Vector, tags: Sequence[str], limit: int
    ) -> Sequence[tuple[int, float]]:
        """See `VectorIndex`."""

        def work() -> Sequence[tuple[int, float]]:
            conditions: list[dict[str, Any]] = [{key: value} for key, value in _metadata(agent_id, tags).items()]
            found = self._collection(agent_id, embedder).query(
                query_embeddings=_matrix([vector]),
                n_results=limit,
                where=conditions[0] if len(conditions) == 1 else {"$and": conditions},
                include=["distances"],
            )
            distances = found["distances"] or [[]]
            return [(int(id_), 1.0 - float(far)) for id_, far in zip(found["ids"][0], distances[0], strict=True)]

        return await self._in_thread(work)

    async def delete(self, agent_id: int, embedder: str, passage_ids: Sequence[int]) -> None:
        """See `VectorIndex`."""

        def work() -> None:
            ids = [str(id_) for id_ in passage_ids]
            self._collection(agent_id, embedder).delete(ids=ids, where=_metadata(agent_id, ()))

        if passage_ids:
            await self._in_thread(work)

    async def forget_agent(self, agent_id: int) -> int:
        """See `VectorIndex`. Chroma leaves deleted vectors in its files, so all others move to a new folder."""

        def work() -> int:
            assert self._client is not None
            new = self._folder.with_name(f"{self._folder.name}.new")
            shutil.rmtree(new, ignore_errors=True)
            client = _client(new)
            left_behind = sum(_copy_others(old, client, agent_id) for old in self._client.list_collections())
            client.close()  # type: ignore[attr-defined]
            self._disconnect()
            shutil.rmtree(self._folder)  # killed here: an index that is not there is built anew from SQL
            new.rename(self._folder)
            return left_behind

        return await self._in_thread(work)

    async def count(self, agent_id: int) -> int:
        """See `VectorIndex`."""

        def work() -> int:
            assert self._client is not None
            own = _metadata(agent_id, ())
            return sum(len(held.get(where=own, include=[])["ids"]) for held in self._client.list_collections())

        return await self._in_thread(work)

    async def close(self) -> None:
        """See `VectorIndex`."""
        await asyncio.to_thread(self._thread.shutdown)
        await asyncio.to_thread(self._disconnect)

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        def guarded() -> Result:
            if self._client is None:
                self._open()
            from chromadb.errors import InternalError

            try:
                return work()
            except InternalError as error:  # a damaged file of one collection shows only when that is used
                self._begin_anew(error)

        return await asyncio.get_running_loop().run_in_executor(self._thread, guarded)

    def _open(self) -> None:
        """Open the folder, or an empty one in its place.

        Raises:
            IndexLost: the index is empty, because it is new, was damaged or never came to be filled.
        """
        try:
            is_empty = self._connect()
        except Exception as error:  # Chroma documents no errors for a damaged folder
            self._begin_anew(error)
        if is_empty:
            raise IndexLost("the vector index is empty")

    def _connect(self) -> bool:
        """Make the client; returns whether there is no collection yet."""
        client = _client(self._folder)
        is_empty = not client.list_collections()  # a damaged folder shows here
        self._client = client
        return is_empty

    def _disconnect(self) -> None:
        if self._client is not None:
            self._client.close()  # type: ignore[attr-defined]
            self._client = None

    def _begin_anew(self, damage: Exception) -> NoReturn:
        """Set the folder aside, in the place of one set aside before, and open an empty one."""
        from chromadb.api.shared_system_client import SharedSystemClient

        self._disconnect()
        SharedSystemClient.clear_system_cache()  # it keeps a half-made client under the folder's name
        aside = self._folder.with_name(f"{self._folder.name}.damaged")
        if aside.is_dir():
            shutil.rmtree(aside)
        self._folder.rename(aside)
        self._connect()
        raise IndexLost(f"the vector index was damaged; set aside as {aside}") from damage

    def _collection(self, agent_id: int, embedder: str) -> "Collection":
        assert self._client is not None
        kind = hashlib.sha256(embedder.encode()).hexdigest()[:8]
        return _make_collection(self._client, f"passages-{kind}-{agent_id % COLLECTIONS:02d}", {"embedder": embedder})


def _client(folder: Path) -> "ClientAPI":
    import chromadb
    from chromadb.config import Settings

    folder.mkdir(parents=True, exist_ok=True)
    return chromadb.PersistentClient(path=str(folder), settings=Settings(anonymized_telemetry=False))


def _make_collection(client: "ClientAPI", name: str, metadata: Any) -> "Collection":
    return client.get_or_create_collection(
        name, metadata=metadata, embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
    )


def _copy_others(old: "Collection", client: "ClientAPI", agent_id: int) -> int:
    """Copy a collection but for one agent's vectors; returns how many those were."""
    others: Any = {"agent_id": {"$ne": agent_id}}
    offset = 0
    while (page := old.get(where=others, limit=_PAGE, offset=offset, include=["embeddings", "metadatas"]))["ids"]:
        new = _make_collection(client, old.name, old.metadata)
        new.upsert(ids=page["ids"], embeddings=page["embeddings"], metadatas=page["metadatas"])
        offset += len(page["ids"])
    return old.count() - offset


def _metadata(agent_id: int, tags: Sequence[str]) -> dict[str, Any]:
    return {"agent_id": agent_id} | {f"tag-{hashlib.sha256(tag.encode()).hexdigest()[:16]}": True for tag in tags}


def _matrix(vectors: Sequence[Vector]) -> "NDArray[np.float32]":
    import numpy as np

    return np.asarray(vectors, dtype=np.float32)
