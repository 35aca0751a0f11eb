"""Embedders: the one inside a package, and those behind an OpenAI-compatible server."""

import asyncio
import importlib.util
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapters.ports import ServiceMissing

if TYPE_CHECKING:
    from openai import AsyncOpenAI


class WordLlamaEmbedder:
    """Averages of the word vectors that the package `wordllama` carries: 256 numbers, 0.3 ms a message, no network.

    The weights are read from the package's files: its own loader looks for them on the network. They are loaded
    at the first use.
    """

    name = "wordllama-l2-supercat-256"

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """See `Embedder`."""
        return await asyncio.to_thread(self._embed, texts)

    def _embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        import numpy as np

        weights, tokenizer = self._model
        vectors = []
        for encoded in tokenizer.encode_batch(list(texts), add_special_tokens=False):
            ids = [id_ for id_ in encoded.ids if id_ < len(weights)] or [0]
            vector = weights[ids].astype(np.float32).mean(axis=0)
            vectors.append((vector / (np.linalg.norm(vector) or 1.0)).tolist())
        return vectors

    @cached_property
    def _model(self) -> tuple[Any, Any]:
        from safetensors import safe_open
        from tokenizers import Tokenizer

        package = importlib.util.find_spec("wordllama")
        if package is None or package.origin is None:
            raise ConnectionError("the package wordllama is not installed (see requirements-embedded.txt)")
        folder = Path(package.origin).parent
        with safe_open(folder / "weights" / "l2_supercat_256.safetensors", framework="numpy") as file:
            weights = file.get_tensor("embedding.weight")
        tokenizer = Tokenizer.from_file(str(folder / "tokenizers" / "l2_supercat_tokenizer_config.json"))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return weights, tokenizer


class OpenAIEmbedder:
    """The embeddings endpoint of OpenAI or of a server like it.

    Source: https://platform.openai.com/docs/api-reference/embeddings
    """

    def __init__(self, model: str, *, api_key: str | None, base_url: str | None, timeout_s: float) -> None:
        self._model = model
        self._api_key = api_key or "none"
        self._base_url = base_url
        self._timeout_s = timeout_s

    @property
    def name(self) -> str:
        """See `Embedder`; the server decides the dimension, one for each model name."""
        return f"{self._base_url or 'openai'}:{self._model}"

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """See `Embedder`."""
        import openai

        try:
            answer = await self._client.embeddings.create(model=self._model, input=list(texts))
        except openai.OpenAIError as error:
            raise ConnectionError(f"the embedding model {self._model} gave no answer ({error})") from error
        vectors = [entry.embedding for entry in sorted(answer.data, key=lambda entry: entry.index)]
        if len(vectors) != len(texts):
            raise ConnectionError(f"the embedding model {self._model} gave {len(vectors)} vectors for {len(texts)}")
        return [_unit(vector) for vector in vectors]

    @cached_property
    def _client(self) -> "AsyncOpenAI":
        from openai import AsyncOpenAI

        return AsyncOpenAI(api_key=self._api_key, base_url=self._base_url, timeout=self._timeout_s)


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


def _unit(vector: Sequence[float]) -> Sequence[float]:
    length = sum(number * number for number in vector) ** 0.5 or 1.0
    return [number / length for number in vector]
