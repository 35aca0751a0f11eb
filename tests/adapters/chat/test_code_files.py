"""Code of many parts becomes a file, with its introduction and a name of its language."""

import pytest

from adapters.chat.rendering import DISCORD_LIMIT, CodeFile, as_file, is_one_code_block
from tests.adapters.chat.reading_parts import lines


def test_code_of_many_parts_is_a_file_with_its_introduction() -> None:
    code = lines(1000, "print({})")
    text = f"Here is your script:\n\n```python\n{code}\n```\n\nRun it with care."
    assert is_one_code_block(text)
    assert as_file(text, DISCORD_LIMIT) == CodeFile(
        "Here is your script:\n\nRun it with care.", "answer.py", f"{code}\n"
    )


@pytest.mark.parametrize(
    ("language", "name"),
    [
        ("", "answer.txt"),
        ("Rust", "answer.rs"),
        ("sql", "answer.sql"),
        ("../../etc", "answer.txt"),
        ("c++ x", "answer.cpp"),
    ],
)
def test_a_file_is_named_after_its_language(language: str, name: str) -> None:
    found = as_file(f"```{language}\n{lines(100)}\n```", 100)
    assert found
    assert found.name == name


def test_code_in_a_quote_or_in_a_list_leaves_their_marks_behind() -> None:
    found = as_file("> ```\n" + lines(100, "> line {}") + "\n> ```", 100)
    assert found
    assert found.content == f"{lines(100)}\n"
    found = as_file("- ```\n" + lines(100, "  line {}") + "\n  ```", 100)
    assert found
    assert found.content == f"{lines(100)}\n"


def test_what_fits_in_a_few_parts_or_is_mostly_words_is_no_file() -> None:
    code = f"```\n{lines(20)}\n```"
    assert as_file(code, 100) is None
    assert as_file(code, 30, most_parts=5)
    assert as_file(code, 30, most_parts=50) is None
    assert as_file("word " * 1000, 100) is None
    assert not is_one_code_block(f"{code}\n\n{code}")
    assert not is_one_code_block(f"{'word ' * 50}\n\n{code}")
