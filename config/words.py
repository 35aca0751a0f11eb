"""The words that are not code: prompts, personas, humans and presets, in files beside this one.

An operator's own files, in folders of the same names in the data directory, are found first.
"""

import tomllib
from pathlib import Path
from string import Template

from pydantic import BaseModel, ConfigDict, ValidationError

_FOLDER = Path(__file__).parent


class WordsNotFound(Exception):
    """There is no file of that name, or it cannot be read; the text is one clear line."""


class Preset(BaseModel):
    """What a new agent is made of: names of files, and the tools it is given."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    instructions: str
    persona: str
    human: str
    tools: tuple[str, ...]


FILLED_IN = ("place", "words", "hints")
"""What may stand in a prompt as `$name`: where the agent talks; how many words, and hints, a summary may have."""


def prompt(name: str, own: Path | None = None) -> Template:
    """A prompt, by name; filling it with a variable missing raises KeyError.

    Raises:
        WordsNotFound: naming the prompts there are, or what stands in it that nothing fills in.
    """
    template = Template(_read("prompts", name, ".md", own))
    unknown = [field for field in template.get_identifiers() if field not in FILLED_IN]
    if unknown or not template.is_valid():
        what = f"${unknown[0]}" if unknown else "a $ alone"
        raise WordsNotFound(f"The prompt {name!r} holds {what}, which nothing fills in; write $$ for a dollar sign.")
    return template


def persona(name: str, own: Path | None = None) -> str:
    """The first content of an agent's persona block.

    Raises:
        WordsNotFound: naming the personas there are.
    """
    return _read("personas", name, ".md", own)


def persona_names(own: Path | None = None) -> tuple[str, ...]:
    """Every persona there is."""
    return tuple(sorted(_files("personas", ".md", own)))


def human(name: str, own: Path | None = None) -> str:
    """The first content of an agent's human block; the default one is empty.

    Raises:
        WordsNotFound: naming the humans there are.
    """
    return _read("humans", name, ".md", own)


def preset(name: str, own: Path | None = None) -> Preset:
    """A preset, from a TOML file.

    Raises:
        WordsNotFound: naming the presets there are, or what is wrong with the file.
    """
    text = _read("presets", name, ".toml", own)
    try:
        return Preset.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise WordsNotFound(f"The preset {name!r} is not TOML: {error}.") from None
    except RecursionError:
        raise WordsNotFound(f"The preset {name!r} is nested too deeply.") from None
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise WordsNotFound(f"The preset {name!r} cannot be used: {faults}.") from None


def preset_names(own: Path | None = None) -> tuple[str, ...]:
    """Every preset there is."""
    return tuple(sorted(_files("presets", ".toml", own)))


def _files(kind: str, suffix: str, own: Path | None) -> dict[str, Path]:
    folders = [_FOLDER / kind, *([own / kind] if own else [])]
    return {file.stem: file for folder in folders for file in folder.glob(f"*{suffix}")}


def _read(kind: str, name: str, suffix: str, own: Path | None) -> str:
    files = _files(kind, suffix, own)
    if name not in files:
        raise WordsNotFound(f"There is no {name!r} in {kind}. There are: {', '.join(sorted(files))}.")
    try:
        return files[name].read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise WordsNotFound(f"{files[name]}: cannot be read ({error}).") from None
