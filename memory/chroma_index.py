"""The vector index in Chroma: ids, vectors, owner and hashed tags, never text.

A fixed number of collections shared by hash: a collection for each agent would cost 2.7 MiB of memory apiece.
Chroma blocks and takes a second to import, so it lives in a thread of its own and starts at its first use.
"""

import asyncio
import hashlib
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from memory.ports import IndexEntry, IndexLost, Vector

if TYPE_CHECKING:
    import numpy as np
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection
    from numpy.typing import NDArray

COLLECTIONS = 16

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
            self._collection(agent_id, embedder).upsert(
                ids=[str(entry.passage_id) for entry in entries],
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
            self._collection(agent_id, embedder).delete(ids=[str(id_) for id_ in passage_ids])

        if passage_ids:
            await self._in_thread(work)

    async def close(self) -> None:
        """See `VectorIndex`."""

        def work() -> None:
            if self._client is not None:
                self._client.close()  # type: ignore[attr-defined]
                self._client = None

        await self._in_thread(work)
        self._thread.shutdown()

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _open(self) -> None:
        """Open the folder, or an empty one in its place.

        Raises:
            IndexLost: the index is empty now, because the folder was damaged or not there.
        """
        import chromadb
        from chromadb.api.shared_system_client import SharedSystemClient
        from chromadb.config import Settings

        def connect() -> "ClientAPI":
            self._folder.mkdir(parents=True, exist_ok=True)
            client = chromadb.PersistentClient(path=str(self._folder), settings=Settings(anonymized_telemetry=False))
            client.list_collections()  # a damaged folder shows here
            return client

        is_new = not self._folder.exists()
        try:
            self._client = connect()
        except Exception as error:  # Chroma documents no errors for a damaged folder
            SharedSystemClient.clear_system_cache()  # it keeps the half-made client under the folder's name
            aside = self._folder.with_name(f"{self._folder.name}.damaged-{secrets.token_hex(3)}")
            self._folder.rename(aside)
            self._client = connect()
            raise IndexLost(f"the vector index was damaged; set aside as {aside}") from error
        if is_new:
            raise IndexLost("the vector index is new")

    def _collection(self, agent_id: int, embedder: str) -> "Collection":
        if self._client is None:
            self._open()
        assert self._client is not None
        kind = hashlib.sha256(embedder.encode()).hexdigest()[:8]
        return self._client.get_or_create_collection(
            f"passages-{kind}-{agent_id % COLLECTIONS:02d}",
            metadata={"embedder": embedder},
            embedding_function=None,
            configuration={"hnsw": {"space": "cosine"}},
        )


def _metadata(agent_id: int, tags: Sequence[str]) -> dict[str, Any]:
    return {"agent_id": agent_id} | {f"tag-{hashlib.sha256(tag.encode()).hexdigest()[:16]}": True for tag in tags}


def _matrix(vectors: Sequence[Vector]) -> "NDArray[np.float32]":
    import numpy as np

    return np.asarray(vectors, dtype=np.float32)
