"""The words that are not code: prompts, personas and humans, in Markdown files beside this one."""

from pathlib import Path
from string import Template

_FOLDER = Path(__file__).parent


class WordsNotFound(Exception):
    """There is no file of that name; the text names those there are."""


def prompt(name: str) -> Template:
    """A prompt from `config/prompts`; filling it with a variable missing raises KeyError."""
    return Template(_read("prompts", name))


def persona(name: str) -> str:
    """The first content of an agent's persona block.

    Raises:
        WordsNotFound: naming the personas there are.
    """
    return _read("personas", name)


def human(name: str) -> str:
    """The first content of an agent's human block; the default one is empty.

    Raises:
        WordsNotFound: naming the humans there are.
    """
    return _read("humans", name)


def _read(folder: str, name: str) -> str:
    files = {file.stem: file for file in (_FOLDER / folder).glob("*.md")}
    if name not in files:
        raise WordsNotFound(f"There is no {name!r} in config/{folder}. There are: {', '.join(sorted(files))}.")
    return files[name].read_text(encoding="utf-8").strip()
