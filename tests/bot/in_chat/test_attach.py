"""`/attach`: documents given to an agent in the middle of a conversation."""

import json
from pathlib import Path

from adapters.documents.testing import pdf
from adapters.testing import ScriptedServer, answer, says
from bot.testing import open_bot


async def test_a_file_is_loaded_and_its_text_found_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "field guide.md").write_text("# Wombats\n\nA wombat digs burrows.", encoding="utf-8")
    find = answer(None, ("archival_memory_search", {"query": "burrows", "request_heartbeat": True}))
    async with ScriptedServer([find, says("They dig.")]) as server:
        async with open_bot(tmp_path / "data", llm_model="m", openai_base_url=server.url) as bot:
            assert "There are no documents yet" in await bot.in_chat("attach")
            told = await bot.in_chat(f"attach {tmp_path / 'field guide.md'}")
            assert told == "1 document loaded. I can now search the documents of 'field guide'."
            assert await bot.in_chat("attach") == "- field guide: 1 document (attached)"
            assert await bot.say("What do wombats do?") == ["They dig."]
        result = server.requests[1]["messages"][-1]["content"]
    for shown in ("A wombat digs burrows.", "field guide.md", "Wombats"):
        assert shown in result


async def test_the_agent_is_told_the_page_of_a_pdf(tmp_path: Path) -> None:
    (tmp_path / "guide.pdf").write_bytes(pdf("Cover", "A wombat digs burrows"))
    find = answer(None, ("archival_memory_search", {"query": "burrows", "request_heartbeat": True}))
    async with ScriptedServer([find, says("On page 2.")]) as server:
        async with open_bot(tmp_path / "data", llm_model="m", openai_base_url=server.url) as bot:
            assert (await bot.in_chat(f"attach {tmp_path}/guide.pdf")).startswith("1 document loaded.")
            assert await bot.say("Where are wombats?") == ["On page 2."]
        (first, *_) = json.loads(server.requests[1]["messages"][-1]["content"])["results"]
    assert (first["document"], first["page"], first["text"]) == ("guide.pdf", 2, "A wombat digs burrows")


async def test_several_paths_and_patterns_and_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    for name in ("one.md", "two.txt", "three.bin"):
        (tmp_path / name).write_text(f"Text of {name}", encoding="utf-8")
    async with open_bot(tmp_path / "data") as bot:
        told = await bot.in_chat(f"attach {tmp_path}/*.md '{tmp_path}/two.txt' {tmp_path}/three.bin")
        assert told.startswith("2 documents loaded, 1 skipped.")
        assert "three.bin: cannot be read" in told
        assert "Text of two.txt" in await bot.command("search text")


async def test_a_path_with_blanks_needs_no_quotes_be_it_a_pattern_or_not(tmp_path: Path) -> None:
    (tmp_path / "my docs").mkdir()
    for name in ("one.md", "two of them.md"):
        (tmp_path / "my docs" / name).write_text(f"Text of {name}", encoding="utf-8")
    async with open_bot(tmp_path / "data") as bot:
        assert (await bot.in_chat(f"attach {tmp_path}/my docs/two of them.md")).startswith("1 document loaded.")
        assert (await bot.in_chat(f"attach {tmp_path}/my docs/*.md", person="bob")).startswith("2 documents loaded.")
        assert "no such file" in await bot.in_chat(f"attach {tmp_path}/my docs/*.txt")


async def test_a_source_is_kept_once_for_all_who_have_it(tmp_path: Path) -> None:
    (tmp_path / "guide.md").write_text("A wombat digs burrows.", encoding="utf-8")
    async with open_bot(tmp_path / "data") as bot:
        await bot.in_chat(f"attach {tmp_path}/guide.md")
        assert await bot.in_chat("attach", person="bob") == "- guide: 1 document"
        assert await bot.in_chat("attach guide", person="bob") == "I can now search the documents of 'guide'."
        assert await bot.in_chat("attach guide", person="bob") == "I could already search the documents of 'guide'."
        for person in ("ada", "bob"):
            assert "A wombat digs burrows." in await bot.command("search burrows", person=person)
        (source,) = await bot.app.library.sources()
        assert (source.documents, source.pieces) == (1, 1)


async def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    (tmp_path / "three.bin").write_bytes(b"\x00")
    async with open_bot(tmp_path / "data") as bot:
        assert "No source has that name either" in await bot.in_chat(f"attach {tmp_path}/nowhere.md")
        assert "I cannot read these paths" in await bot.in_chat("attach it's")
        assert "Nothing was found that I can read." in await bot.in_chat(f"attach {tmp_path}/three.bin")


async def test_another_folder_of_the_same_name_is_another_source(tmp_path: Path) -> None:
    for place, text in (("one", "Ada keeps wombats."), ("two", "Bob keeps quokkas.")):
        (tmp_path / place / "notes").mkdir(parents=True)
        (tmp_path / place / "notes" / "diary.md").write_text(text, encoding="utf-8")
    async with open_bot(tmp_path / "data") as bot:
        assert "'notes'" in await bot.in_chat(f"attach {tmp_path}/one/notes")
        assert "'notes (2)'" in await bot.in_chat(f"attach {tmp_path}/two/notes", person="bob")
        assert "wombats" in await bot.command("search keeps", person="ada")
        assert "quokkas" not in await bot.command("search keeps", person="ada")
        assert "wombats" not in await bot.command("search keeps", person="bob")
        assert "1 unchanged" in await bot.in_chat(f"attach {tmp_path}/two/notes", person="bob")
