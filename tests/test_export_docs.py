"""docs/export.md names every kind of record, and of each every field, and no other."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

import memory.portable.records
from memory.portable.records import KINDS, KeptQuote, TagsAdded, ToolUseMade

PAGE = (Path(memory.portable.records.__file__).parents[2] / "docs" / "export.md").read_text(encoding="utf-8")
RECORDS = PAGE.partition("## The records")[2].partition("\n## ")[0]
PARTS: dict[str, type[BaseModel]] = {"tool_uses": ToolUseMade, "quote": KeptQuote, "tags_added": TagsAdded}


def sections() -> dict[str, list[str]]:
    """The fields that the page names, by what they are of."""
    found = re.findall(r"^####? `(\w+)`\n(.*?)(?=^####? |\Z)", RECORDS, re.MULTILINE | re.DOTALL)
    return {name: re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE) for name, text in found}


def test_every_kind_is_named_and_no_other() -> None:
    assert sections().keys() == KINDS.keys() | PARTS.keys()


@pytest.mark.parametrize(("name", "kind"), [*KINDS.items(), *PARTS.items()], ids=[*KINDS, *PARTS])
def test_every_field_is_named_and_no_other(name: str, kind: type[BaseModel]) -> None:
    assert sections()[name] == list(kind.model_fields)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_what_may_be_missing_says_so(kind: type[BaseModel]) -> None:
    for name, field in kind.model_fields.items():
        if not field.is_required() and name not in ("type", "format", "version"):
            row = next(
                line
                for line in _section(kind.model_fields["type"].default).splitlines()
                if line.startswith(f"| `{name}`")
            )
            assert "missing" in row, name


def _section(name: str) -> str:
    return RECORDS.partition(f"### `{name}`\n")[2].partition("\n### ")[0]
