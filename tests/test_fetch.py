"""`fetch` as it is started, against a stand-in for the hub: what is fetched, goes on, is refused, and is damaged."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from config.open_models import OPEN_MODELS, RECOMMENDED
from tests.command_line import CommandLine
from tests.hub import Hub

(MODEL,) = [model for model in OPEN_MODELS if model.name == RECOMMENDED]
WEIGHTS = b"GGUF" + bytes(range(256)) * 4000


TINY = b"GGUF tiny"


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    async with Hub({MODEL.address: WEIGHTS, "ada/tiny/deep/tiny.gguf": TINY}) as served:
        yield served


@pytest.fixture
def command_line(tmp_path: Path, hub: Hub) -> CommandLine:
    started = CommandLine(tmp_path)
    started.settings |= {"HF_ENDPOINT": hub.url, "HF_HUB_DISABLE_XET": "1"}
    return started


async def test_a_recommended_model_is_fetched_and_its_path_is_all_that_is_printed(
    command_line: CommandLine, hub: Hub
) -> None:
    code, out, err = await command_line.run("fetch", RECOMMENDED)
    path = command_line.data_dir / "models" / MODEL.address
    assert (code, out) == (0, [str(path)])
    assert err == [f"Fetching {MODEL.address} …", f"To use it: {_use(path)}"]
    assert path.read_bytes() == WEIGHTS
    assert (await command_line.run("fetch", RECOMMENDED.upper()))[:2] == (0, [str(path)])
    assert len(hub.got) == 1  # it was there


async def test_any_file_of_the_hub_is_fetched_by_its_address(command_line: CommandLine) -> None:
    code, out, _ = await command_line.run("fetch", "ada/tiny/deep/tiny.gguf")
    assert code == 0
    assert fetched(out) == TINY


async def test_files_of_one_name_from_two_repositories_are_both_kept(command_line: CommandLine, hub: Hub) -> None:
    hub.files["bob/tiny/deep/tiny.gguf"] = other = b"GGUF another"
    _, first, _ = await command_line.run("fetch", "ada/tiny/deep/tiny.gguf")
    _, second, _ = await command_line.run("fetch", "bob/tiny/deep/tiny.gguf")
    assert (fetched(first), fetched(second)) == (TINY, other)


async def test_what_is_no_model_is_removed_and_told(command_line: CommandLine, hub: Hub) -> None:
    hub.files["ada/tiny/page.gguf"] = b"<html>Sign in first</html>"
    code, out, err = await command_line.run("fetch", "ada/tiny/page.gguf")
    assert (code, out) == (69, [])
    assert err[-1] == "ada/tiny/page.gguf: what came is no GGUF file, and was removed."
    assert not list(command_line.data_dir.rglob("*.gguf"))


async def test_what_was_cut_off_goes_on_where_it_was(command_line: CommandLine, hub: Hub) -> None:
    mib = 2**20  # it is written in pieces of 10 MiB
    hub.files[MODEL.address] = large = WEIGHTS * 13
    hub.cut_at = 11 * mib
    code, out, _ = await command_line.run("fetch", RECOMMENDED)
    assert code == 0
    assert fetched(out) == large
    assert [wanted for _, wanted in hub.got] == [None, f"bytes={10 * mib}-"]


async def test_what_came_damaged_is_removed_and_told(command_line: CommandLine, hub: Hub) -> None:
    hub.etags[MODEL.address] = "0" * 64
    code, out, err = await command_line.run("fetch", RECOMMENDED)
    assert (code, out) == (69, [])
    assert err[-1] == f"{MODEL.address}: came damaged and was removed. Fetch it again."
    assert not list(command_line.data_dir.rglob("*.gguf"))


@pytest.mark.parametrize(
    ("wanted", "code", "told"),
    [
        ("gone/one/x.gguf", 69, "there is no such repository, or it is private and needs HF_TOKEN."),
        ("closed/one/x.gguf", 69, "its owner asks for consent. Give it on the page of closed/one, and set HF_TOKEN."),
        ("ada/tiny/other.gguf", 69, "the repository has no such file."),
        ("qwen", 2, "is none of qwen2.5-1.5b, qwen3-4b, qwen2.5-7b, and no OWNER/REPOSITORY/FILE.gguf."),
        ("../../etc/x.gguf", 2, "is none of "),
        ("ada/tiny/../../x.gguf", 2, "is none of "),
        ("ada/tiny/model.bin", 2, "is none of "),
    ],
)
async def test_what_cannot_be_had_is_told_in_a_line(
    command_line: CommandLine, hub: Hub, wanted: str, code: int, told: str
) -> None:
    hub.errors |= {"gone/one": (401, "RepoNotFound"), "closed/one": (403, "GatedRepo")}
    got, out, err = await command_line.run("fetch", wanted)
    assert (got, out) == (code, [])
    assert err[-1].startswith(f"{wanted}: {told}")


async def test_a_folder_that_cannot_be_written_to_is_told(command_line: CommandLine, tmp_path: Path) -> None:
    command_line.data_dir.mkdir()
    (command_line.data_dir / "models").write_text("in the way")
    code, _, err = await command_line.run("fetch", RECOMMENDED)
    folder = command_line.data_dir / "models" / MODEL.repository
    assert (code, err[-1]) == (69, f"{folder}: cannot be written to (Not a directory).")


async def test_without_a_name_the_recommended_are_listed(command_line: CommandLine, hub: Hub) -> None:
    code, out, err = await command_line.run("fetch")
    assert code == 0
    assert [line.split()[0] for line in out] == ["NAME", *(model.name for model in OPEN_MODELS)]
    assert len(err) == 1
    assert hub.got == []


def fetched(out: list[str]) -> bytes:
    """What lies at the path that was printed."""
    (path,) = out
    return Path(path).read_bytes()


def _use(path: Path) -> str:
    return f"LLM_MODEL={path} in .env, or `python -m bot chat --model {path}`."
