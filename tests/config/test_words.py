"""Prompts, personas and humans: found by name, and complete."""

from pathlib import Path
from string import Template

import pytest

from config import words
from config.words import WordsNotFound, human, persona, prompt

FOLDER = Path(words.__file__).parent


def names(folder: str) -> list[str]:
    return sorted(file.stem for file in (FOLDER / folder).glob("*.md"))


@pytest.mark.parametrize(
    "name",
    [
        "nobody",
        "",
        ".",
        "..",
        "../prompts/system",
        "../personas/default",
        "/etc/passwd",
        "default.md",
        "DEFAULT",
        "default\x00",
        "*",
        "long" * 1000,
    ],
)
@pytest.mark.parametrize("read", [persona, human, prompt])
def test_a_name_that_is_no_file_names_those_there_are(read: object, name: str) -> None:
    with pytest.raises(WordsNotFound, match="There are: ") as caught:
        read(name)  # type: ignore[operator]
    assert "\n" not in str(caught.value)


def test_the_message_lists_the_personas() -> None:
    with pytest.raises(WordsNotFound) as caught:
        persona("nobody")
    assert str(caught.value) == ("There is no 'nobody' in personas. There are: coach, default, engineer, librarian.")


@pytest.mark.parametrize("name", names("personas"))
def test_every_persona_says_that_it_is_an_ai_and_fits_into_a_small_block(name: str) -> None:
    text = persona(name)
    assert "AI" in text
    assert text == text.strip()
    assert len(text) < 1200


@pytest.mark.parametrize("name", names("humans"))
def test_every_human_can_be_read(name: str) -> None:
    assert human(name) == human(name).strip()


def test_nothing_is_known_of_the_default_human() -> None:
    assert human("default") == ""


@pytest.mark.parametrize(
    ("name", "variables"),
    [
        ("reflect", {"place"}),
        ("summarize", {"words", "hints"}),
        ("summarize_spr", {"words", "hints"}),
        ("system", {"place"}),
        ("system_docs", {"place"}),
        ("text_tier", {"place"}),
    ],
)
def test_a_prompt_has_exactly_its_variables(name: str, variables: set[str]) -> None:
    template = prompt(name)
    assert isinstance(template, Template)
    assert template.is_valid()
    assert set(template.get_identifiers()) == variables
    assert "$" not in template.substitute(dict.fromkeys(variables, "x"))


def test_every_prompt_is_tested_for_its_variables() -> None:
    assert names("prompts") == ["reflect", "summarize", "summarize_spr", "system", "system_docs", "text_tier"]


def test_a_variable_missing_is_an_error() -> None:
    with pytest.raises(KeyError):
        prompt("system").substitute()
