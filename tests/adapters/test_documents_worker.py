"""The worker as a process: what it may not do, when it ends, and that the event loop runs on meanwhile."""

import asyncio
import hashlib
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.documents.converted import ConvertedReader, Limits
from adapters.documents.kinds import ATTACHED, suffix_of
from adapters.documents.testing import pdf
from adapters.ports.documents import DocumentText, Page
from adapters.ports.errors import DocumentUnreadable

ROOT = Path(__file__).parents[2]
LIMIT_S = 30
LONG = "<div>" * 300_000
"""Takes minutes: the parser looks for an open paragraph at each depth."""

PARENT = """
import asyncio, sys
from pathlib import Path
from adapters.documents.converted import ConvertedReader

async def main() -> None:
    reader = ConvertedReader()
    if sys.argv[1] == "idle":
        await reader.read(Path("short.html"))
    else:
        reading = asyncio.create_task(reader.read(Path("long.html")))
        while reader._worker is None:
            await asyncio.sleep(0)
        if sys.argv[1] == "busy":
            await asyncio.wait([reading], timeout=0.5)
    print(reader._worker.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""

TRIES = """
import socket, sys
from pathlib import Path
from adapters.documents.worker import give_up_rights

give_up_rights(2**30)
for attempt in (
    lambda: open("made.txt", "w"),
    lambda: open("short.html"),
    lambda: socket.socket(),
    lambda: socket.create_connection(("127.0.0.1", 9)),
    lambda: bytearray(2**30),
):
    try:
        attempt()
        print("done")
    except (OSError, MemoryError):
        print("refused")
"""


@pytest.fixture(autouse=True)
def _files(tmp_path: Path) -> None:
    (tmp_path / "short.html").write_text("<p>Short", encoding="utf-8")
    (tmp_path / "long.html").write_text(LONG, encoding="utf-8")
    (tmp_path / "good.pdf").write_bytes(pdf("Good"))


def has_ended(pid: int) -> bool:
    """Waits for it, at most so long."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([watched], [], [], LIMIT_S)[0])
    finally:
        os.close(watched)


@pytest.mark.skipif(sys.platform != "linux", reason="watches a process that is not its child by Linux's means")
@pytest.mark.parametrize("moment", ["starting", "idle", "busy"])
def test_it_ends_when_its_parent_is_killed(moment: str) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen([sys.executable, "-c", PARENT, moment], env=environment, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    with parent.stdout:
        pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    assert has_ended(pid)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems know some of these limits only")
def test_it_can_neither_open_files_nor_reach_the_network_nor_take_all_memory() -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    made = subprocess.run([sys.executable, "-c", TRIES], env=environment, capture_output=True, text=True, check=True)
    assert made.stdout.split() == ["refused"] * 5
    assert not Path("made.txt").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="looks at another process by Linux's means")
async def test_it_is_not_told_our_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    reader = ConvertedReader()
    await reader.read(Path("short.html"))
    assert reader._worker is not None
    told = await asyncio.to_thread(Path(f"/proc/{reader._worker.pid}/environ").read_bytes)
    assert b"PYTHONPATH" in told
    assert b"sk-secret" not in told
    await reader.close()


async def test_it_is_kept_for_the_next_file_and_ends_when_the_reader_is_closed() -> None:
    reader = ConvertedReader()
    await reader.close()
    await reader.read(Path("short.html"))
    first = reader._worker
    await reader.read(Path("good.pdf"))
    assert first is not None
    assert reader._worker is first
    await reader.close()
    assert first.returncode is not None
    assert (await reader.read(Path("good.pdf"))).pages == (Page("Good", 1),)
    await reader.close()


async def test_a_file_is_not_blamed_for_a_worker_that_ended_before_it_came() -> None:
    reader = ConvertedReader()
    await reader.read(Path("short.html"))
    for _ in range(2):
        assert reader._worker is not None
        first = reader._worker
        os.kill(first.pid, signal.SIGKILL)
        assert (await reader.read(Path("good.pdf"))).pages == (Page("Good", 1),)
        assert reader._worker is not first
    await reader.close()


async def test_a_file_whose_worker_never_takes_it_is_tried_twice_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, workers = ConvertedReader(), []
    started = reader._started

    async def killed() -> asyncio.subprocess.Process:
        worker = await started()
        workers.append(worker)
        os.kill(worker.pid, signal.SIGKILL)
        return worker

    monkeypatch.setattr(reader, "_started", killed)
    with pytest.raises(DocumentUnreadable, match="break off"):
        await reader.read(Path("good.pdf"))
    assert len(set(workers)) == 2
    await reader.close()


async def test_files_read_at_once_wait_for_each_other() -> None:
    reader = ConvertedReader()
    texts = await asyncio.gather(*(reader.read(Path("good.pdf")) for _ in range(5)))
    assert texts == [DocumentText((Page("Good", 1),))] * 5
    await reader.close()


async def test_who_is_cancelled_leaves_no_answer_for_the_next_one() -> None:
    reader = ConvertedReader()
    for ticks in (0, 1, 2, 5, 10, 20, 100):
        reading = asyncio.create_task(reader.read(Path("long.html")))
        for _ in range(ticks):
            await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait([reading])
        assert (await reader.read(Path("good.pdf"))).pages == (Page("Good", 1),)
    await reader.close()


async def test_a_file_that_is_gone_or_has_become_something_else_is_told() -> None:
    reader = ConvertedReader()
    os.mkfifo("pipe.pdf")
    os.mkdir("folder.pdf")
    os.symlink("/dev/zero", "device.pdf")
    for name, told in (
        ("none.pdf", "No such file"),
        ("pipe.pdf", "no regular file"),
        ("folder.pdf", "no regular file"),
        ("device.pdf", "no regular file"),
    ):
        with pytest.raises(DocumentUnreadable, match=told):
            await reader.read(Path(name))
    assert reader._worker is None
    await reader.close()


def test_each_kind_has_a_converter_and_a_name_in_lower_case() -> None:
    for suffix, kind in ATTACHED.items():
        assert suffix == suffix.lower()
        assert (ROOT / f"{kind.module.replace('.', '/')}.py").is_file()


@pytest.mark.parametrize(
    ("name", "content_type", "suffix"),
    [
        ("Report.PDF", "", ".pdf"),
        ("a.tar.py", "application/octet-stream", ".py"),
        ("Dockerfile", "", ".txt"),
        (".gitignore", "", ".txt"),
        ("notes", "text/plain; charset=utf-8", ".txt"),
        ("strange.kind", "application/json", ".txt"),
        ("song.mp3", "audio/mpeg", None),
        ("x.zip", "application/zip", None),
        ("", "", None),
    ],
)
def test_a_file_that_comes_with_a_message_is_of_the_kind_that_its_name_says(
    name: str, content_type: str, suffix: str | None
) -> None:
    assert suffix_of(name, content_type) == suffix


SAID = "Größe: 5 €"


@pytest.mark.parametrize(
    ("name", "content", "read"),
    [
        ("a.py", SAID.encode(), SAID),
        ("b.txt", SAID.encode("cp1252"), SAID),
        ("c.js", SAID.encode("utf-16"), SAID),
        ("d.sql", SAID.encode("utf-32"), SAID),
        ("e.txt", b"caf\xe9 \x81", "caf\xe9 \x81"),
        ("f.c", b"\x00", None),
        ("g.txt", ("Привет, мир. " * 9).encode("koi8_r"), "Привет, мир. " * 9),
        ("h.txt", ("東京は大きい。" * 9).encode("cp932"), "東京は大きい。" * 9),
        ("i.md", ("北京是中国的首都。" * 9).encode("gbk"), "北京是中国的首都。" * 9),
    ],
)
async def test_text_and_code_are_read_there_as_well_in_any_of_their_encodings(
    tmp_path: Path, name: str, content: bytes, read: str | None
) -> None:
    reader = ConvertedReader(kinds=ATTACHED)
    await asyncio.to_thread((tmp_path / name).write_bytes, content)
    if read is None:
        with pytest.raises(DocumentUnreadable, match="is no text"):
            await reader.read(tmp_path / name)
    else:
        text = await reader.read(tmp_path / name)
        assert (text.pages, text.digest) == ((Page(read),), hashlib.sha256(content).hexdigest())
    await reader.close()


async def test_text_and_markdown_of_a_folder_are_read_there_as_well_by_one_process(tmp_path: Path) -> None:
    reader, workers = ConvertedReader(), set()
    for number in range(100):
        path = tmp_path / f"{number}.{('txt', 'md', 'MARKDOWN')[number % 3]}"
        await asyncio.to_thread(path.write_text, f"# Page {number}", encoding="utf-8")
        is_markdown = number % 3 > 0
        assert await reader.read(path) == DocumentText((Page(f"# Page {number}"),), is_markdown=is_markdown)
        workers.add(reader._worker)
    assert len(workers) == 1
    await reader.close()


async def test_a_text_may_be_longer_than_what_is_held_in_other_kinds_of_file(tmp_path: Path) -> None:
    reader = ConvertedReader(Limits(text_bytes=1000, plain_text_bytes=2**20))
    for name, content in (("fits.txt", "x" * 2**20), ("large.txt", "x" * (2**20 + 1)), ("a.html", "x" * 1001)):
        await asyncio.to_thread((tmp_path / name).write_text, content, encoding="utf-8")
    assert len((await reader.read(tmp_path / "fits.txt")).pages[0].text) == 2**20
    for name, most in (("large.txt", 1), ("a.html", 0)):
        with pytest.raises(DocumentUnreadable, match=f"holds more than {most} MiB of text"):
            await reader.read(tmp_path / name)
    assert (await reader.read(Path("good.pdf"))).pages == (Page("Good", 1),)
    await reader.close()


async def test_a_text_that_takes_too_much_memory_is_one_line_and_the_next_is_read(tmp_path: Path) -> None:
    reader = ConvertedReader(Limits(memory_bytes=300 * 2**20))
    await asyncio.to_thread((tmp_path / "hostile.txt").write_bytes, b"\xe9 " * (20 * 2**20))
    await asyncio.to_thread((tmp_path / "good.txt").write_bytes, b"Good")
    with pytest.raises(DocumentUnreadable, match=r"memory|break off"):
        await reader.read(tmp_path / "hostile.txt")
    assert (await reader.read(tmp_path / "good.txt")).pages == (Page("Good"),)
    await reader.close()
