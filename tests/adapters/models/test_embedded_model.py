"""The real packaged model through the real llama.cpp in its child process (Linux: children are read from /proc)."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from adapters.models.embedded_model import EmbeddedModel, model_file, packaged_model
from adapters.ports.errors import ContextOverflow, ModelUnavailable, ServiceMissing
from adapters.ports.model import ChatMessage, Sampling
from tests.llama_processes import servers_of

HI = [ChatMessage("user", "What is the capital of France?")]
EXACT = Sampling(temperature=0.0)
ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for child processes in /proc")


@asynccontextmanager
async def embedded(path: Path | None = None, *, context_window: int | None = 2048) -> AsyncIterator[EmbeddedModel]:
    model = EmbeddedModel(path or packaged_model(), name="embedded", context_window=context_window, timeout_s=60)
    try:
        yield model
    finally:
        await model.close()


def has_ended(pid: int) -> bool:
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


def wait_until_ended(pid: int, limit_s: float = 10) -> None:
    deadline = time.monotonic() + limit_s
    while not has_ended(pid):
        assert time.monotonic() < deadline, "the server outlived its parent"
        time.sleep(0.02)  # there is nothing to wait on: it is not our child


def listening(pid: int) -> list[tuple[str, int]]:
    """Where a process accepts connections, over IPv4 and IPv6."""
    sockets = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            sockets.add(os.readlink(descriptor))
    found = []
    for table in ("tcp", "tcp6"):
        for row in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *rest = row.split()
            if state == "0A" and f"socket:[{rest[5]}]" in sockets:
                address, _, port = local.partition(":")
                found.append((address, int(port, 16)))
    return found


async def test_it_answers_keeps_to_itself_and_ends_with_us(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")  # what runs on this machine is asked for directly
    async with embedded() as model:
        await model.warm_up()
        (pid,) = servers_of(os.getpid())
        first = await model.complete(HI, max_tokens=12, sampling=EXACT)
        assert first.text
        assert first.usage is not None
        assert first.usage.prompt_tokens > 5
        again = await model.complete(HI, max_tokens=2, sampling=EXACT)
        assert again.is_cut
        assert servers_of(os.getpid()) == [pid]

        ((address, port),) = listening(pid)
        assert socket.inet_ntoa(bytes.fromhex(address)[::-1]) == "127.0.0.1"
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        for key in ("", "Bearer none", "Bearer embedded"):
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}/v1/chat/completions", b"{}", {"Authorization": key}
            )
            with pytest.raises(urllib.error.HTTPError) as refused:
                await asyncio.to_thread(direct.open, request)
            refused.value.close()
            assert refused.value.code == 401
    assert has_ended(pid)
    assert servers_of(os.getpid()) == []
    assert capfd.readouterr() == ("", "")


async def test_a_server_that_was_killed_is_started_again_at_the_next_call() -> None:
    async with embedded() as model:
        await model.start()
        (first,) = servers_of(os.getpid())
        os.kill(first, signal.SIGKILL)
        assert (await model.complete(HI, max_tokens=4)).text
        (second,) = servers_of(os.getpid())
        assert second != first


async def test_a_cancelled_call_does_not_keep_the_next_one_waiting() -> None:
    async with embedded(context_window=8192) as model:
        await model.start()
        long = [ChatMessage("user", "word " * 6000)]
        call = asyncio.create_task(model.complete(long, max_tokens=500))
        _, pending = await asyncio.wait([call], timeout=0.3)
        assert pending
        call.cancel()
        await asyncio.wait([call])
        assert call.cancelled()
        async with asyncio.timeout(5):
            assert (await model.complete(HI, max_tokens=4)).text


async def test_the_window_is_never_more_than_the_model_was_trained_for_and_a_longer_prompt_is_an_overflow() -> None:
    async with embedded(context_window=1024) as model:
        with pytest.raises(ContextOverflow):
            await model.complete([ChatMessage("user", "word " * 3000)])
        assert model.context_window == 1024
    async with embedded(context_window=9000) as model:
        await model.start()
        assert model.context_window == 8192


@pytest.mark.parametrize(
    "content", [pytest.param(b"", id="empty"), pytest.param(b"GGUF" + b"\0" * 64, id="header only")]
)
async def test_a_file_that_cannot_be_loaded_is_a_model_that_is_unavailable(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(content)
    async with embedded(path) as model:
        await model.warm_up()
        with pytest.raises(ModelUnavailable) as raised:
            await model.complete(HI)
        assert str(raised.value) == "My language model cannot be loaded."
        assert str(path) in raised.value.detail
        assert servers_of(os.getpid()) == []


async def test_half_a_file_is_a_model_that_is_unavailable(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "half.gguf"
    with packaged_model().open("rb") as whole, path.open("wb") as half:
        shutil.copyfileobj(whole, half)
        half.truncate(packaged_model().stat().st_size // 2)
    async with embedded(path) as model:
        with pytest.raises(ModelUnavailable):
            await model.start()
    assert capfd.readouterr() == ("", "")


async def test_closing_while_it_loads_leaves_nothing_behind() -> None:
    async with embedded() as model:
        loading = asyncio.create_task(model.warm_up())
        while not servers_of(os.getpid()):
            await asyncio.sleep(0)
        loading.cancel()
        await asyncio.wait([loading])
    assert servers_of(os.getpid()) == []


PARENT = """
import asyncio, sys
from adapters.models.embedded_model import EmbeddedModel, packaged_model

async def main() -> None:
    model = EmbeddedModel(packaged_model(), name="embedded", context_window=1024, timeout_s=60)
    starting = asyncio.create_task(model.start())
    while model._process is None:
        await asyncio.sleep(0)
    if sys.argv[1] == "ready":
        await starting
    print(model._process.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.parametrize("moment", ["ready", "loading"])
def test_it_ends_when_its_parent_is_killed(moment: str) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, moment], cwd=ROOT, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    with parent.stdout:
        pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    wait_until_ended(pid)


def test_a_model_file_is_looked_at_before_it_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other.gguf").write_text("hello")
    (tmp_path / "good.gguf").write_bytes(b"GGUF...")
    (tmp_path / "folder.gguf").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert model_file("~/good.gguf") == tmp_path / "good.gguf"
    for name, told in (("none", "No such file"), ("other", "not a GGUF file"), ("folder", "Is a directory")):
        with pytest.raises(ServiceMissing, match=told) as raised:
            model_file(str(tmp_path / f"{name}.gguf"))
        assert "\n" not in str(raised.value)
