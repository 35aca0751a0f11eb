"""`.env` as text: what is written is read again, and the rest stays."""

from io import StringIO
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.env_file import with_settings
from config.settings import load_settings


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), min_size=1).filter(str.strip))
def test_a_written_value_is_read_as_it_was(tmp_path: Path, value: str) -> None:
    try:
        text = with_settings("# mine\nLLM_MODEL=old\n", {"LLM_MODEL": value})
    except ValueError:
        assert "${" in value or not value.isprintable()
        return
    (tmp_path / ".env").write_text(text, encoding="utf-8")
    assert load_settings(openai_base_url="http://x").llm_model == value


def test_each_setting_stands_once_in_its_place() -> None:
    text = "A=1\n# LLM_MODEL=comment\nexport LLM_MODEL = 'x'\nB=2\nLLM_MODEL=y\nOPENAI_API_KEY=k"
    changed = with_settings(text, {"LLM_MODEL": "z", "OPENAI_API_KEY": None, "BOT_TIMEZONE": "UTC"})
    assert changed == "A=1\n# LLM_MODEL=comment\nLLM_MODEL=z\nB=2\nBOT_TIMEZONE=UTC\n"


def test_a_value_of_several_lines_stays_whole_or_goes_whole() -> None:
    text = "A='one\nLLM_MODEL=two\n'\n\n\nLLM_MODEL=\"old\nlines\" # why\n\n# B\u2028LLM_MODEL=no line\nB=1"
    changed = with_settings(text, {"LLM_MODEL": "new", "BOT_TIMEZONE": "UTC"})
    assert changed == (
        "A='one\nLLM_MODEL=two\n'\n\n\nLLM_MODEL=new\n\n# B\u2028LLM_MODEL=no line\nB=1\nBOT_TIMEZONE=UTC\n"
    )


LINE = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=20) | st.sampled_from(
    ["", "# mine", "A='one", "two'", "export B = 1", "LLM_MODEL=old", "LLM_MODEL", 'C="x', 'y"', "=", "\ufeff"]
)


@settings(max_examples=300)
@given(lines=st.lists(LINE, max_size=8))
def test_whatever_stands_there_is_read_as_before_but_for_what_was_set(lines: list[str]) -> None:
    text = "\n".join(lines)
    before, after = read(text), read(with_settings(text, {"LLM_MODEL": "new", "BOT_TIMEZONE": None}))
    assert after.pop("LLM_MODEL") == "new"
    assert "BOT_TIMEZONE" not in after
    assert after == {name: value for name, value in before.items() if name not in ("LLM_MODEL", "BOT_TIMEZONE")}


def read(text: str) -> dict[str, str | None]:
    return dotenv_values(stream=StringIO(text.removeprefix("\ufeff")), interpolate=False)


@pytest.mark.parametrize("value", ["two\nlines", "bell\x07", "${HOME}"])
def test_what_a_line_cannot_hold_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="cannot hold"):
        with_settings("", {"LLM_MODEL": value})
