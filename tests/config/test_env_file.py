"""`.env` as text: what is written is read again, and the rest stays."""

from pathlib import Path

import pytest
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


@pytest.mark.parametrize("value", ["two\nlines", "bell\x07", "${HOME}"])
def test_what_a_line_cannot_hold_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="cannot hold"):
        with_settings("", {"LLM_MODEL": value})
