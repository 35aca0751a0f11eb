"""Embedders: the one inside a package, and those behind an OpenAI-compatible server."""

import asyncio
import importlib.util
import json
import math
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from adapters.models.openai_model import NO_KEY, without_key
from adapters.models.reachable import OPENAI_URL
from adapters.models.way_out import fault_of_way_out
from adapters.ports.errors import ServiceMissing

if TYPE_CHECKING:
    from openai import AsyncOpenAI

MAX_CHARS = 50_000
"""Of a longer text the beginning is enough: an average of ten thousand words moves no more, and each takes memory."""

_NO_KNOWN_FORM = (ValueError, TypeError, AttributeError, RecursionError)
"""What comes of an answer that is in none."""

MAX_REMOTE_CHARS = 8000  # a token is at least a character, and the usual models take 8191


class WordLlamaEmbedder:
    """Averages of the word vectors that the package `wordllama` carries: 256 numbers, 0.3 ms a message, no network.

    The weights are read from the package's files: its own loader looks for them on the network. They are loaded
    at the first use.
    """

    name = "wordllama-l2-supercat-256"

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """See `Embedder`."""
        import numpy as np  # noqa: F401 - not in the thread: two that import it at once may find half a module

        return await asyncio.to_thread(self._embed, texts)

    async def close(self) -> None:
        """Nothing to release."""

    def _embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        import numpy as np

        if not texts:
            return []
        weights, tokenizer = self._model
        encoded = tokenizer.encode_batch_fast([text[:MAX_CHARS] for text in texts], add_special_tokens=False)
        words = [np.array([id_ for id_ in one.ids if id_ < len(weights)] or [0]) for one in encoded]
        # Texts share most of their words, and widening their weights to single precision costs more than averaging.
        used = np.unique(np.concatenate(words))
        wide = weights[used].astype(np.float32)
        vectors = []
        for ids in words:
            vector = wide[np.searchsorted(used, ids)].mean(axis=0)
            vectors.append((vector / (np.linalg.norm(vector) or 1.0)).tolist())
        return vectors

    @cached_property
    def _model(self) -> tuple[Any, Any]:
        from tokenizers import Tokenizer

        package = importlib.util.find_spec("wordllama")
        if package is None or package.origin is None:
            raise ConnectionError("the package wordllama is not installed (see requirements-embedded.txt)")
        folder = Path(package.origin).parent
        weights = _tensor(folder / "weights" / "l2_supercat_256.safetensors", "embedding.weight")
        tokenizer = Tokenizer.from_file(str(folder / "tokenizers" / "l2_supercat_tokenizer_config.json"))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return weights, tokenizer


class NoEmbedder:
    """In the place of one where the settings want none."""

    name = "none"

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """See `Embedder`: it can never be reached."""
        raise ConnectionError("EMBEDDING_MODEL=none")

    async def close(self) -> None:
        """Nothing to release."""


class OpenAIEmbedder:
    """The embeddings endpoint of OpenAI or of a server like it.

    Source: https://platform.openai.com/docs/api-reference/embeddings
    """

    def __init__(self, model: str, *, api_key: str | None, base_url: str | None, timeout_s: float) -> None:
        self._model = model
        self._api_key = api_key
        self._base_url = base_url
        self._timeout_s = timeout_s

    @property
    def name(self) -> str:
        """See `Embedder`; the server decides the dimension, one for each model name."""
        url = urlsplit(self._base_url or OPENAI_URL)
        return f"{url.hostname}:{url.port or ''}{url.path}#{self._model}"  # without a password that the URL may hold

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """See `Embedder`."""
        if not texts:
            return []
        if "_client" not in self.__dict__:
            if (fault := await asyncio.to_thread(fault_of_way_out, self._base_url or OPENAI_URL)) is not None:
                raise self._no_answer(fault)
            await asyncio.to_thread(lambda: self._client)
        import openai

        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self._client.embeddings.create(
                    model=self._model, input=[text[:MAX_REMOTE_CHARS] for text in texts]
                )
            vectors = [_unit(entry.embedding) for entry in sorted(answer.data, key=lambda entry: entry.index)]
        except TimeoutError as error:
            raise self._no_answer(f"none within {self._timeout_s:g} s") from error
        except (openai.OpenAIError, *_NO_KNOWN_FORM) as error:
            raise self._no_answer(without_key(str(error), self._api_key)) from error
        if len(vectors) != len(texts):
            raise self._no_answer(f"{len(vectors)} vectors for {len(texts)} texts")
        if not all(vectors) or len({len(vector) for vector in vectors}) > 1:
            raise self._no_answer("vectors of no length, or of different ones")
        if not all(math.isfinite(sum(vector)) for vector in vectors):
            raise self._no_answer("vectors with numbers that are none")
        return vectors

    async def close(self) -> None:
        """Release the connections."""
        if "_client" in self.__dict__:
            await self._client.close()

    @cached_property
    def _client(self) -> "AsyncOpenAI":
        from openai import AsyncOpenAI

        return AsyncOpenAI(
            api_key=self._api_key or NO_KEY, base_url=self._base_url or OPENAI_URL, timeout=self._timeout_s
        )

    def _no_answer(self, reason: str) -> ConnectionError:
        return ConnectionError(f"the embedding model {self._model} gave no answer ({reason})")


def embedder_is_packaged() -> None:
    """Check that the embedded embedder is installed.

    Raises:
        ServiceMissing: naming the command that installs it.
    """
    if importlib.util.find_spec("wordllama") is None:
        raise ServiceMissing(
            "EMBEDDING_MODEL=embedded: the package wordllama is not installed; "
            "run `pip install --no-deps -r requirements-embedded.txt`."
        )


def _tensor(path: Path, name: str) -> Any:
    """A half-precision tensor of a safetensors file, mapped: only the rows that are read take memory.

    Source: https://github.com/huggingface/safetensors#format (8 bytes length, a JSON header, the data).
    """
    import numpy as np

    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        entry = json.loads(file.read(length))[name]
    assert entry["dtype"] == "F16"
    start = 8 + length + entry["data_offsets"][0]
    return np.memmap(path, dtype=np.float16, mode="r", offset=start, shape=tuple(entry["shape"]))


def _unit(vector: Sequence[float]) -> Sequence[float]:
    length = sum(number * number for number in vector) ** 0.5 or 1.0
    return [number / length for number in vector]
