"""`.env.example` says of every setting what it is for and what holds if nobody changes it."""

import re
from pathlib import Path

from config.settings import Settings, load_settings

EXAMPLE = Path(__file__).parents[2] / ".env.example"
SHOWN = re.compile(r"^# ([A-Z][A-Z0-9_]*)=(.*)$")


def shown() -> dict[str, str]:
    """Names and values as the file shows them."""
    return dict(found.groups() for line in lines() if (found := SHOWN.match(line)))


def lines() -> list[str]:
    return EXAMPLE.read_text(encoding="utf-8").splitlines()


def test_every_setting_is_there_once_in_the_order_of_the_sections() -> None:
    names = [found.group(1) for line in lines() if (found := SHOWN.match(line))]
    assert names == [name.upper() for section in Settings.__bases__ for name in section.__annotations__]
    assert sorted(names) == sorted(name.upper() for name in Settings.model_fields)


def test_every_default_shown_is_the_real_one() -> None:
    defaults = load_settings()
    Path(".env").write_text("".join(f"{name}={value}\n" for name, value in shown().items()), encoding="utf-8")
    assert load_settings() == defaults


def test_each_default_that_is_not_nothing_is_shown() -> None:
    defaults = load_settings().model_dump()
    assert {name for name, value in shown().items() if not value} == {
        name.upper() for name, value in defaults.items() if value in (None, ())
    }


def test_each_setting_has_one_line_that_says_what_it_is_for() -> None:
    text = lines()
    for number, line in enumerate(text):
        if SHOWN.match(line):
            assert re.match(r"^# \S.{10,}[.)]$", text[number - 1]), line
            assert not SHOWN.match(text[number - 1])


def test_each_section_has_a_heading() -> None:
    assert sum(line.startswith("# ── ") for line in lines()) == len(Settings.__bases__)


def test_it_can_be_copied_as_it_stands_and_changes_nothing() -> None:
    defaults = load_settings()
    Path(".env").write_bytes(EXAMPLE.read_bytes())
    assert load_settings() == defaults
    assert all(line == "" or line.startswith("#") for line in lines())


def test_its_first_lines_say_how_to_get_a_real_model() -> None:
    beginning = "\n".join(lines()[:9])
    assert all(name in beginning for name in ("LLM_MODEL", "OPENAI_API_KEY", "OPENAI_BASE_URL"))
