"""The operator's commands as they are started: real processes, exit codes, one clear line for each fault."""

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import stat
import sys
from contextlib import closing
from pathlib import Path

import pytest

from adapters.documents import testing as documents
from adapters.testing import ScriptedServer, answer, says
from tests.command_line import LIMIT_S, CommandLine


@pytest.fixture
def command_line(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


async def test_beside_a_running_bot_some_commands_read_and_the_others_wait_their_turn(
    command_line: CommandLine, tmp_path: Path
) -> None:
    async with ScriptedServer(lambda _: says("ok")) as server:
        command_line.settings |= {"LLM_MODEL": "scripted", "OPENAI_BASE_URL": server.url}
        bot = await command_line.start("chat", "--agent", "ada")
        assert bot.stdin is not None
        assert bot.stdout is not None
        bot.stdin.write("Größe 👋\n".encode())
        async with asyncio.timeout(LIMIT_S):
            assert await bot.stdout.readline() == b"ok\n"

        code, out, _ = await command_line.run("agents")
        assert (code, out[1].split()[:2]) == (0, ["console:dm:ada", "ada"])
        code, exported, err = await command_line.run("export", "--agent", "ada", "--out", "-")
        assert (code, json.loads(exported[4])["text"], len(err)) == (0, "Größe 👋", 1)
        assert (await command_line.run("backup", "--out", "copy.db"))[0] == 0
        assert stat.S_IMODE(os.stat(tmp_path / "copy.db").st_mode) == 0o600
        for words in (("erase", "--agent", "ada", "--yes"), ("migrate",), ("import", os.devnull), ("load", ".")):
            code, out, err = await command_line.run(*words)
            assert (code, out, len(err)) == (69, [], 1), words
            assert "in use by another process" in err[0]
        async with asyncio.timeout(LIMIT_S):
            out_left, _ = await bot.communicate(b"Still here?\n")
        assert (bot.returncode, out_left) == (0, b"ok\n")


async def test_an_agent_moves_through_a_pipe_and_is_erased(command_line: CommandLine) -> None:
    words = {"ada": "kanarienvogel", "bob": "wombat"}
    notes = [("archival_memory_insert", {"content": word, "request_heartbeat": True}) for word in words.values()]
    script = [reply for note in notes for reply in (answer("Worth a note.", note), says("ok"))]
    async with ScriptedServer(script) as server:
        command_line.settings |= {"LLM_MODEL": "scripted", "OPENAI_BASE_URL": server.url}
        for name, word in words.items():
            await command_line.run("chat", "--agent", name, typed=f"My word is {word}\n".encode())
    _, exported, _ = await command_line.run("export", "--agent", "ada", "--out", "-")
    spoiled = "\n".join([*exported[:4], "{}", *exported[5:]]).encode()
    code, out, err = await command_line.run("import", "-", "--agent", "eve", typed=spoiled)
    assert (code, out, len(err)) == (69, [], 1)
    assert err[0].startswith("standard input: line 5: ")
    code, out, err = await command_line.run("import", "-", "--agent", "eve", typed="\n".join(exported).encode())
    assert (code, err) == (0, [])
    assert out[0].startswith("console:dm:eve: imported 5 messages, 1 notes")
    for name in ("ada", "console:dm:eve"):
        code, out, err = await command_line.run("erase", "--agent", name, "-y")
        assert (code, err, "Found: nothing" in out) == (0, [], True)
    files = [file for file in command_line.data_dir.rglob("*") if file.is_file()]
    assert not [file for file in files if b"kanarienvogel" in file.read_bytes()]


async def test_what_cannot_be_done_is_one_line_and_a_fitting_exit_code(
    command_line: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "there").write_text("precious", encoding="utf-8")
    for words, expected in (
        (("export", "--agent", "ada", "--out", "-"), 69),
        (("export", "--agent", "ada", "--out", "there"), 2),
        (("import", "nothing.jsonl"), 69),
        (("backup", "--out", "copy.db"), 69),
        (("configure",), 2),
        (("import", "there", "--agent", "console:dm:\udcff"), 2),
    ):
        code, out, err = await command_line.run(*words)
        assert (code, out) == (expected, []), (words, err)
        assert len(err) == 1 or "Usage" in err[0]
    assert (tmp_path / "there").read_text(encoding="utf-8") == "precious"


@pytest.mark.parametrize(
    ("words", "expected"),
    [(("configure",), 2), (("erase", "--agent", "ada"), 2), (("import", "-"), 69), (("configure", "--yes"), 0)],
)
async def test_nobody_is_asked_where_the_input_is_closed(
    command_line: CommandLine, words: tuple[str, ...], expected: int
) -> None:
    assert (await command_line.run("chat", "--agent", "ada", typed=b"Hello\n"))[0] == 0
    process = await asyncio.create_subprocess_exec(
        *("sh", "-c", f'exec "$0" -m bot {" ".join(words)} <&-', sys.executable),
        cwd=command_line.folder,
        env=command_line.settings,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(LIMIT_S):
        _, err = await process.communicate()
    assert process.returncode == expected, err.decode()
    assert len(err.splitlines()) == (1 if expected else 0), err.decode()


async def test_the_first_steps_of_an_operator_need_no_answers(command_line: CommandLine, tmp_path: Path) -> None:
    code, out, err = await command_line.run("configure", "--yes")
    assert (code, err) == (0, [])
    assert out[0] == f"Written: {tmp_path / '.env'}"
    assert stat.S_IMODE(os.stat(tmp_path / ".env").st_mode) == 0o600
    code, out, err = await command_line.run("doctor")
    assert (code, err) == (0, [])
    assert [line[:4] for line in out] == ["ok  "] * 10
    assert await command_line.run("agents") == (
        0,
        ["SCOPE  NAME  MESSAGES  NOTES  CORE TOKENS  LAST ACTIVE"],
        ["There are no agents yet."],
    )


async def test_in_a_terminal_the_questions_are_asked_again_until_they_are_answered(
    command_line: CommandLine, tmp_path: Path
) -> None:
    ours, theirs = os.openpty()
    os.write(ours, b"nine\n1\nMars/Olympus\nEurope/Lisbon\n\n\n")
    process = await command_line.start("configure", stdin=theirs)
    os.close(theirs)
    async with asyncio.timeout(LIMIT_S):
        out, err = await process.communicate()
    os.close(ours)
    assert process.returncode == 0, err
    assert b"A number from 1 to" in out
    assert b"An IANA time zone, please" in out
    written = (tmp_path / ".env").read_text(encoding="utf-8")
    assert written == "LLM_MODEL=embedded\nEMBEDDING_MODEL=embedded\nBOT_TIMEZONE=Europe/Lisbon\n"


@pytest.mark.parametrize("stop", ["Ctrl-C", "Ctrl-D"])
@pytest.mark.parametrize("words", [("configure",), ("erase", "--agent", "ada")])
async def test_questions_can_be_left_unanswered(command_line: CommandLine, words: tuple[str, ...], stop: str) -> None:
    assert (await command_line.run("chat", "--agent", "ada", typed=b"Hello\n"))[0] == 0
    ours, theirs = os.openpty()
    process = await command_line.start(*words, stdin=theirs)
    os.close(theirs)
    assert process.stdout is not None
    async with asyncio.timeout(LIMIT_S):
        await process.stdout.readuntil(b"[1]: " if words == ("configure",) else b"[y/N]: ")
        rest = asyncio.ensure_future(process.communicate())
        while not rest.done():
            if stop == "Ctrl-C":  # one that comes between the question and the waiting for its answer is not seen
                process.send_signal(signal.SIGINT)
            else:
                os.write(ours, b"\x04")
            await asyncio.wait([rest], timeout=5)
        _, err = await rest
    os.close(ours)
    assert (process.returncode, err.strip()) == (130, b"")
    assert not (command_line.folder / ".env").exists()
    assert (await command_line.run("agents"))[1][1].startswith("console:dm:ada")


async def test_a_damaged_database_is_left_as_it_was(command_line: CommandLine) -> None:
    command_line.data_dir.mkdir()
    database = command_line.data_dir / "bot.db"
    with closing(sqlite3.connect(database)) as foreign:
        foreign.execute("CREATE TABLE mine (x)")
    before = database.read_bytes()
    for words in (("agents",), ("backup", "--out", "copy.db"), ("migrate",), ("erase", "--agent", "ada", "--yes")):
        code, out, err = await command_line.run(*words)
        assert (code, out, len(err)) == (69, [], 1), (words, err)
        assert "not made by this program" in err[0]
    assert database.read_bytes() == before


async def test_a_book_is_loaded_replaced_and_found(command_line: CommandLine, tmp_path: Path) -> None:
    chapters = [f"# Chapter {number}\n\n" + f"Nothing happens on day {number}. " * 400 for number in range(1, 101)]
    chapters[56] += "\n\nThe heirloom lies under the third floorboard."
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "diary.md").write_text("\n\n".join(chapters), encoding="utf-8")
    (tmp_path / "books" / "letter.txt").write_bytes("Grüße aus Köln".encode("cp1252"))
    (tmp_path / "books" / "photo.txt").write_bytes(b"\x89PNG\x00")
    assert (tmp_path / "books" / "diary.md").stat().st_size > 900_000
    code, out, err = await command_line.run("load", "books", "--agent", "ada")
    assert (code, len(out)) == (0, 1)
    assert out[0].startswith("console:dm:ada: 2 documents loaded, 1 skipped; source books holds 2 documents in ")
    assert err == ["books/photo.txt: is no text (or UTF-16 without a byte order mark)"]
    code, out, _ = await command_line.run("load", "books/*", "--agent", "ada", "--source", "books")
    assert (code, out[0].split(";")[0]) == (0, "console:dm:ada: 0 documents loaded, 2 unchanged, 1 skipped")
    (tmp_path / "books" / "letter.txt").write_text("Grüße aus Bonn", encoding="utf-8")
    code, out, err = await command_line.run("load", "books/letter.txt", "--agent", "ada", "--source", "books")
    assert (code, err) == (0, [])
    assert out[0].startswith("console:dm:ada: 0 documents loaded, 1 replaced; source books holds 2 documents in ")

    code, out, _ = await command_line.run(
        "chat", "--agent", "ada", typed=b"/agent search heirloom\n/agent search Bonn\n"
    )
    assert code == 0
    assert "**diary.md** (Chapter 57): " in out[0]
    assert "third floorboard" in out[0]
    assert "**letter.txt**: Grüße aus Bonn" in out[1]
    assert "Köln" not in out[1]


async def test_a_folder_of_every_kind_is_loaded_around_what_is_bad_in_it(
    command_line: CommandLine, tmp_path: Path
) -> None:
    inventory = "Thing,Place\nsextant,attic\n"
    page = "<title>Garden</title><h2>Quince</h2><p>Prune the quince in March.<p hidden>Water the nettles.</p>"
    good = {
        "notes.md": b"# Boat\n\nThe anchor weighs nine stone.",
        "log.txt": b"The barometer fell at noon.",
        "garden.html": page.encode(),
        "ship.pdf": documents.pdf("Cover", "The rudder is made of teak"),
        "letter.docx": documents.docx("#Letters", "##Aunt", "The parrot arrives on Tuesday."),
        "inventory.csv": inventory.encode(),
        "novel.epub": documents.epub({"one.xhtml": "<h1>Chapter One</h1><p>A lighthouse keeper wakes.</p>"}),
        "talk.pptx": documents.pptx(("Intro", "Welcome"), ("Tides", "The moon pulls the estuary")),
        "sums.xlsx": documents.xlsx({"Rent": [["Month", "Sum"], ["May", 1250]]}),
    }
    bad = {
        "empty.pdf": (b"", "is empty"),
        "false.pdf": (b"\x89PNG\x00", "is no PDF"),
        "locked.pdf": (documents.locked_pdf(), "is protected by a password"),
        "scan.pdf": (documents.pdf(""), "holds no text: its pages are pictures or empty"),
        "short.docx": (documents.docx("x" * 500)[:-30], "is damaged, or no Word document (.docx)"),
    }
    (tmp_path / "shelf").mkdir()
    for name, content in (good | {name: content for name, (content, _) in bad.items()}).items():
        (tmp_path / "shelf" / name).write_bytes(content)
    code, out, err = await command_line.run("load", "shelf", "--agent", "ada")
    assert (code, len(out)) == (0, 1)
    assert out[0].startswith("console:dm:ada: 9 documents loaded, 5 skipped; source shelf holds 9 documents in ")
    assert [line.removeprefix("shelf/").split(" (it may need")[0] for line in err] == [
        f"{name}: {told}" for name, (_, told) in sorted(bad.items())
    ]

    asked = [
        "rudder teak",
        "parrot Tuesday",
        "quince March",
        "sextant attic",
        "lighthouse keeper",
        "estuary",
        "Sum May",
    ]
    typed = "".join(f"/agent search {words}\n" for words in [*asked, "nettles"])
    code, out, _ = await command_line.run("chat", "--agent", "ada", typed=typed.encode())
    assert code == 0
    for told, shown in zip(
        (
            "**ship.pdf** (page 2): The rudder is made of teak",
            "**letter.docx** (Letters > Aunt): ",
            "**garden.html** (Garden > Quince): ",
            "**inventory.csv**: Row 2: Thing: sextant; Place: attic",
            "**novel.epub** (Chapter One): ",
            "**talk.pptx** (Tides, page 2): ",
            "**sums.xlsx** (Rent): # Rent Row 2: Month: May; Sum: 1250",
        ),
        out,
        strict=False,
    ):
        assert told in shown
    assert "nettles." not in out[-1]


async def test_a_load_that_cannot_be_done_is_one_line_and_makes_nobody(
    command_line: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "photo.png").write_bytes(b"x")
    (tmp_path / "empty.txt").write_bytes(b"")
    (tmp_path / "good.md").write_text("Good.", encoding="utf-8")
    for words, expected, lines in (
        (("nothing.md",), 69, 1),
        (("good.md", "nothing.md"), 69, 1),
        (("photo.png",), 69, 2),
        (("empty.txt",), 69, 2),
        (("good.md", "--agent", "discord:dm:7"), 69, 1),
    ):
        code, out, err = await command_line.run("load", *words)
        assert (code, out, len(err)) == (expected, [], lines), (words, err)
    for words in ((), ("good.md", "--source", ""), ("good.md", "--source", "a\nb"), ("good.md", "--agent", "a/b")):
        code, out, _ = await command_line.run("load", *words)
        assert (code, out) == (2, [])
    assert (await command_line.run("agents"))[2] == ["There are no agents yet."]


async def test_on_a_terminal_a_bar_moves_and_ctrl_c_leaves_whole_documents(
    command_line: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "books").mkdir()
    for number in range(40):
        (tmp_path / "books" / f"{number:02}.txt").write_text(f"Day {number}. " * 8_000, encoding="utf-8")
    ours, theirs = os.openpty()
    process = await command_line.start("load", "books", stderr=theirs)
    os.close(theirs)
    shown = b""
    async with asyncio.timeout(LIMIT_S):
        while b".txt" not in shown and b"vectors" not in shown:
            shown += await asyncio.to_thread(os.read, ours, 4096)
        process.send_signal(signal.SIGINT)
        await process.communicate()
    with contextlib.suppress(OSError):  # the terminal's other end is closed
        while more := os.read(ours, 4096):
            shown += more
    os.close(ours)
    assert process.returncode == 130
    assert b"Traceback" not in shown
    assert b"load again for the rest" in shown
    code, out, err = await command_line.run("load", "books")
    assert (code, err) == (0, [])
    assert "holds 40 documents in " in out[0]
