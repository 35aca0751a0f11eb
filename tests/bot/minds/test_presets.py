"""Presets: what a new agent is made of, also from an operator's own files."""

import json
from pathlib import Path
from typing import Any

import pytest

from adapters.models.token_counter import BpeTokenCounter
from adapters.testing import ScriptedServer, answer, says
from bot.choices import SPARED, Choices
from bot.errors import ContextTooSmall
from bot.testing import open_bot
from config.words import WordsNotFound, persona, preset, preset_names, prompt

OWN_PRESET = """
instructions = "pirate"
persona = "pirate"
human = "default"
tools = ["send_message", "core_memory_append"]
"""


def settings(server: ScriptedServer) -> dict[str, Any]:
    return {"llm_model": "m", "openai_base_url": server.url}


def write_own(folder: Path, text: str = OWN_PRESET) -> None:
    for kind, name, content in (
        ("presets", "pirate.toml", text),
        ("personas", "pirate.md", "I am an AI that talks like a pirate."),
        ("prompts", "pirate.md", "Arr. You talk in $place."),
    ):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        (folder / kind / name).write_text(content)


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_names_files_that_there_are_and_fits_a_small_window(name: str) -> None:
    made_of = preset(name)
    assert persona(made_of.persona)
    assert BpeTokenCounter().count(prompt(made_of.instructions).template) <= 700
    assert "send_message" in made_of.tools


def test_the_presets_of_memgpt_are_there() -> None:
    assert set(preset_names()) >= {"memgpt_chat", "memgpt_docs"}


async def test_an_agent_keeps_the_preset_that_it_was_made_of(tmp_path: Path) -> None:
    async with ScriptedServer([says("Hi")] * 2) as server:
        async with open_bot(tmp_path, choices=Choices(preset="memgpt_docs"), **settings(server)) as bot:
            await bot.say("Hi")
        async with open_bot(tmp_path, **settings(server)) as bot:
            await bot.say("Hi")
        for request in server.requests:
            assert "answers from documents" in request["messages"][0]["content"]
            assert "AI librarian" in request["messages"][0]["content"]


@pytest.mark.parametrize(("window", "spared"), [(2048, set(SPARED)), (4096, set(SPARED[:4])), (8192, set[str]())])
async def test_a_small_window_does_without_the_tools_that_can_be_spared(
    tmp_path: Path, window: int, spared: set[str]
) -> None:
    async with ScriptedServer([says("Hi")]) as server:
        async with open_bot(tmp_path, llm_context_window=window, **settings(server)) as bot:
            assert await bot.say("Hi") == ["Hi"]
        given = {tool["function"]["name"] for tool in server.requests[0]["tools"]}
        assert given == set(preset("memgpt_chat").tools) - spared


async def test_an_own_preset_in_the_data_directory_is_found_by_name(tmp_path: Path) -> None:
    write_own(tmp_path)
    search = answer(None, ("conversation_search", {"query": "x"}))
    async with ScriptedServer([search, says("Arr")]) as server:
        async with open_bot(tmp_path, choices=Choices(preset="pirate"), **settings(server)) as bot:
            assert await bot.say("Ahoy") == ["Arr"]
        first, second = server.requests
        assert first["messages"][0]["content"].startswith("Arr. You talk in a direct conversation.")
        assert {tool["function"]["name"] for tool in first["tools"]} == {"send_message", "core_memory_append"}
        told = json.loads(second["messages"][-1]["content"])
        assert told["message"] == (
            "There is no tool 'conversation_search'. The tools are: send_message, core_memory_append."
        )


async def test_an_agent_whose_preset_is_gone_goes_on_with_that_of_plain_chat(tmp_path: Path) -> None:
    write_own(tmp_path)
    async with ScriptedServer([says("Arr"), says("Hi")]) as server:
        async with open_bot(tmp_path, choices=Choices(preset="pirate"), **settings(server)) as bot:
            await bot.say("Ahoy")
        (tmp_path / "presets" / "pirate.toml").unlink()
        async with open_bot(tmp_path, **settings(server)) as bot:
            assert await bot.say("Ahoy") == ["Hi"]
        assert "built on MemGPT" in server.requests[1]["messages"][0]["content"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("instructions =", "not TOML"),
        ("instructions = " + "[" * 5000, "nested too deeply"),
        ('instructions = "system"', "persona: Field required"),
        (OWN_PRESET + "more = 1", "more: Extra inputs"),
        (OWN_PRESET.replace("core_memory_append", "fly"), "names tools that there are not: fly"),
        (OWN_PRESET.replace('persona = "pirate"', 'persona = "nobody"'), "no 'nobody' in personas"),
    ],
)
async def test_a_preset_that_cannot_be_used_is_one_clear_line(tmp_path: Path, text: str, told: str) -> None:
    write_own(tmp_path, text)
    async with ScriptedServer() as server:
        for model in (settings(server), {"llm_model": "embedded"}):
            with pytest.raises(WordsNotFound) as caught:
                async with open_bot(tmp_path, choices=Choices(preset="pirate"), **model):
                    pass
            assert told in str(caught.value)
            assert "\n" not in str(caught.value)


async def test_a_persona_larger_than_its_block_is_refused_at_start(tmp_path: Path) -> None:
    (tmp_path / "personas").mkdir()
    (tmp_path / "personas" / "bore.md").write_text("many words " * 3000, encoding="utf-8")
    with pytest.raises(ContextTooSmall, match="The persona takes 6000 tokens"):
        async with open_bot(tmp_path, choices=Choices(persona="bore")):
            pass


@pytest.mark.parametrize(
    ("text", "told"), [("I have $nothing.", r"holds \$nothing"), ("It costs 5 $ a day.", r"holds a \$ alone")]
)
async def test_a_prompt_that_nothing_can_fill_in_is_refused_at_start(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "system.md").write_text(text, encoding="utf-8")
    async with ScriptedServer() as server:
        with pytest.raises(WordsNotFound, match=told):
            async with open_bot(tmp_path, llm_model="m", openai_base_url=server.url):
                pass


async def test_a_broken_preset_is_in_nobodys_way_but_its_own(tmp_path: Path) -> None:
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets" / "mine.toml").write_text("not toml", encoding="utf-8")
    async with ScriptedServer([says("Hi")]) as server:
        settings = {"llm_model": "m", "openai_base_url": server.url}
        async with open_bot(tmp_path, **settings) as bot:
            assert await bot.say("Hi") == ["Hi"]
        with pytest.raises(WordsNotFound, match="'mine'"):
            async with open_bot(tmp_path, choices=Choices(preset="mine"), **settings):
                pass


async def test_own_instructions_are_given_to_a_model_that_only_writes(tmp_path: Path) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "text_tier.md").write_text("Arr. You talk in $place.", encoding="utf-8")
    async with ScriptedServer([answer("Arr")]) as server:
        async with open_bot(tmp_path, llm_tier="text", **settings(server)) as bot:
            assert await bot.say("Ahoy") == ["Arr"]
        assert server.requests[0]["messages"][0]["content"].startswith("Arr. You talk in a direct conversation.")
