"""The kinds of file that are converted: how their names end, and the module whose `pages` knows them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePath

from adapters.ports import Page

Pages = Callable[[bytes], Iterator[Page]]
"""A converter: the content of a file becomes pages; raises `DocumentUnreadable`."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A converter, named and not imported: its library is needed in the worker process alone."""

    module: str
    is_markdown: bool


KINDS = {
    ".csv": Kind("adapters.documents.csv_table", is_markdown=False),
    ".docx": Kind("adapters.documents.word", is_markdown=True),
    ".epub": Kind("adapters.documents.book", is_markdown=True),
    ".htm": Kind("adapters.documents.web_page", is_markdown=True),
    ".html": Kind("adapters.documents.web_page", is_markdown=True),
    ".pdf": Kind("adapters.documents.pdf", is_markdown=False),
    ".pptx": Kind("adapters.documents.slides", is_markdown=True),
    ".xlsx": Kind("adapters.documents.spreadsheet", is_markdown=True),
}

_TEXT = "adapters.documents.plain_text"
_MARKDOWN = (".md", ".markdown")
_PLAIN = """
.txt .text .log .rst .adoc .org .tex .bib .srt .vtt .diff .patch .eml
.json .jsonl .ndjson .json5 .xml .svg .yaml .yml .toml .ini .cfg .conf .env .properties .tsv .sql .graphql .proto
.py .pyi .ipynb .js .mjs .cjs .jsx .ts .tsx .vue .svelte .css .scss .sass .less
.c .h .cc .cpp .cxx .hh .hpp .cs .java .kt .kts .scala .groovy .gradle .go .rs .swift .m .mm .dart .zig .nim .d
.rb .erb .php .pl .pm .lua .r .jl .hs .ml .mli .fs .fsx .ex .exs .erl .clj .cljs .lisp .el .scm .vb .pas .f90 .asm .s
.sh .bash .zsh .fish .ps1 .bat .cmd .awk .sed .mk .cmake .tf .hcl .nix .dockerfile .gitignore .editorconfig
""".split()

ATTACHED = (
    KINDS
    | {suffix: Kind(_TEXT, is_markdown=False) for suffix in _PLAIN}
    | {suffix: Kind(_TEXT, is_markdown=True) for suffix in _MARKDOWN}
)
"""What is read of files that come with messages: code and text, too, which nobody here has chosen."""

_NAMES = {"dockerfile", "makefile", "license", "licence", "readme", "changelog", "procfile", "gemfile", "jenkinsfile"}
_TEXT_TYPES = ("text/", "application/json", "application/xml", "application/x-sh", "application/toml")


def suffix_of(name: str, content_type: str) -> str | None:
    """The suffix whose kind a file that came with a message is of; None: it is of none that can be read."""
    path = PurePath(name.lower())
    if path.suffix in ATTACHED:
        return path.suffix
    if path.name in _NAMES or path.name in ATTACHED:
        return ".txt"
    return ".txt" if content_type.lower().startswith(_TEXT_TYPES) else None
