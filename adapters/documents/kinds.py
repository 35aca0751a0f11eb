"""The kinds of file that are read: how their names end, and the module whose `pages` knows them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePath

from adapters.ports.documents import Page

Pages = Callable[[bytes], Iterator[Page]]
"""A converter: the content of a file becomes pages; raises `DocumentUnreadable`."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A converter, named and not imported: its library is needed in the worker process alone."""

    module: str
    is_markdown: bool
    is_plain: bool = False
    """Whether the file is its text, and does not hold it: then it never comes to much more than it is."""


_TEXT = Kind("adapters.documents.plain_text", is_markdown=False, is_plain=True)
_MARKDOWN = Kind("adapters.documents.plain_text", is_markdown=True, is_plain=True)

KINDS = {
    ".csv": Kind("adapters.documents.csv_table", is_markdown=False),
    ".docx": Kind("adapters.documents.word", is_markdown=True),
    ".epub": Kind("adapters.documents.book", is_markdown=True),
    ".htm": Kind("adapters.documents.web_page", is_markdown=True),
    ".html": Kind("adapters.documents.web_page", is_markdown=True),
    ".markdown": _MARKDOWN,
    ".md": _MARKDOWN,
    ".pdf": Kind("adapters.documents.pdf", is_markdown=False),
    ".pptx": Kind("adapters.documents.slides", is_markdown=True),
    ".txt": _TEXT,
    ".xlsx": Kind("adapters.documents.spreadsheet", is_markdown=True),
}
"""What is read of files that somebody loads."""

_CODE = """
.text .log .rst .adoc .org .tex .bib .srt .vtt .diff .patch .eml
.json .jsonl .ndjson .json5 .xml .svg .yaml .yml .toml .ini .cfg .conf .env .properties .tsv .sql .graphql .proto
.py .pyi .ipynb .js .mjs .cjs .jsx .ts .tsx .vue .svelte .css .scss .sass .less
.c .h .cc .cpp .cxx .hh .hpp .cs .java .kt .kts .scala .groovy .gradle .go .rs .swift .m .mm .dart .zig .nim .d
.rb .erb .php .pl .pm .lua .r .jl .hs .ml .mli .fs .fsx .ex .exs .erl .clj .cljs .lisp .el .scm .vb .pas .f90 .asm .s
.sh .bash .zsh .fish .ps1 .bat .cmd .awk .sed .mk .cmake .tf .hcl .nix .dockerfile .gitignore .editorconfig
""".split()

ATTACHED = KINDS | dict.fromkeys(_CODE, _TEXT)
"""What is read of files that come with messages: code, too, which in a folder would be taken along unasked."""

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
