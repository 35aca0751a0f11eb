"""The data directory: private, writable, and held by one process at a time."""

import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import memory
from memory.data_dir import DataDir
from memory.ports import StorageUnavailable

ROOT = Path(memory.__file__).parents[1]
HOLD = (
    "import sys; from pathlib import Path; from memory.data_dir import DataDir\n"
    "data_dir = DataDir(Path(sys.argv[1])); data_dir.acquire()\n"
    "print('held', flush=True); sys.stdin.read(); data_dir.release()"
)


@contextmanager
def held_by_another_process(path: Path) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        env={"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        if process.poll() is None:
            process.communicate("")


def refused(path: Path) -> str:
    with pytest.raises(StorageUnavailable) as caught:
        DataDir(path).acquire()
    told = str(caught.value)
    assert told.startswith(f"{path}: ")
    assert len(told.splitlines()) == 1
    return told


def test_the_directory_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    data_dir = DataDir(tmp_path / "deep" / "data")
    data_dir.acquire()
    assert stat.S_IMODE((tmp_path / "deep" / "data").stat().st_mode) == 0o700
    data_dir.release()


def test_a_directory_that_another_process_holds_is_refused_until_it_lets_go(tmp_path: Path) -> None:
    with held_by_another_process(tmp_path):
        assert "in use by another process" in refused(tmp_path)
        assert "BOT_DATA_DIR" in refused(tmp_path)
    data_dir = DataDir(tmp_path)
    data_dir.acquire()
    data_dir.release()


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    with held_by_another_process(tmp_path) as process:
        process.kill()
        process.wait()
        data_dir = DataDir(tmp_path)
        data_dir.acquire()
        data_dir.release()


def test_two_bots_in_one_process_do_not_share_a_directory(tmp_path: Path) -> None:
    first = DataDir(tmp_path)
    first.acquire()
    assert "in use" in refused(tmp_path)
    first.release()
    second = DataDir(tmp_path)
    second.acquire()
    second.release()


def test_two_directories_are_held_side_by_side(tmp_path: Path) -> None:
    for data_dir in (both := (DataDir(tmp_path / "one"), DataDir(tmp_path / "two"))):
        data_dir.acquire()
    for data_dir in both:
        data_dir.release()


def test_a_database_that_stands_elsewhere_is_held_as_well(tmp_path: Path) -> None:
    database = tmp_path / "elsewhere" / "bot.db"
    database.parent.mkdir()
    first, second = (DataDir(tmp_path / name, database) for name in ("one", "two"))
    first.acquire()
    with pytest.raises(StorageUnavailable, match=r"^\S+/elsewhere/bot.db: in use by another process.*BOT_DATABASE_URL"):
        second.acquire()
    first.release()
    second.acquire()
    second.release()
    with held_by_another_process(tmp_path / "one"):  # what is refused holds nothing
        pass


def test_a_database_is_held_whatever_it_is_called(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "one")
    first = DataDir(tmp_path / "one", tmp_path / "one" / "bot.db")
    second = DataDir(tmp_path / "two", tmp_path / "link" / "bot.db")
    for holds, comes in ((first, second), (second, first)):
        holds.acquire()
        with pytest.raises(StorageUnavailable, match="in use by another process"):
            comes.acquire()
        holds.release()


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file", encoding="utf-8")
    assert "cannot be written" in refused(tmp_path / "data")
    assert "cannot be written" in refused(tmp_path / "data" / "deeper")
    assert (tmp_path / "data").read_text(encoding="utf-8") == "a file"


def test_a_place_where_nothing_can_be_made_is_refused() -> None:
    assert "cannot be written" in refused(Path("/proc/nowhere"))
    assert "cannot be written" in refused(Path("/proc/self"))
