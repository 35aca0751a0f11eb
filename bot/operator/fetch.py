"""`fetch`: an open model's file, from the Hugging Face hub into the data folder."""

import re

from adapters.console.plain import note, stdout_line
from adapters.models.model_hub import fetch_file
from bot.operator.errors import CannotBeDone, CommandUnclear
from bot.operator.table import print_table
from config.open_models import OPEN_MODELS, RECOMMENDED
from config.settings import Settings

_HEADER = ("NAME", "GB", "WINDOW", "LICENCE", "FOR")
_NAME = r"\w[\w.-]*"
_ADDRESS = re.compile(rf"(?P<repository>{_NAME}/{_NAME})/(?P<file>(?:{_NAME}/)*{_NAME}\.gguf)", re.IGNORECASE)


def list_open_models() -> None:
    """Print the recommended models on stdout."""
    rows = [(it.name, f"{it.gigabytes:.1f}", str(it.window), it.licence, it.good_for) for it in OPEN_MODELS]
    print_table([_HEADER, *rows], numbers=(1, 2))
    note(f"`python -m bot fetch {RECOMMENDED}` fetches one; so does OWNER/REPOSITORY/FILE.gguf.")


def fetch(settings: Settings, wanted: str) -> None:
    """Fetch a model and print its path on stdout; blocking, with a bar on a terminal.

    Args:
        settings: where the data is.
        wanted: one of the recommended, or `OWNER/REPOSITORY/FILE.gguf`.

    Raises:
        CommandUnclear: it is neither.
        ServiceMissing: it cannot be had.
        CannotBeDone: it cannot be written.
    """
    repository, file = _found(wanted)
    folder = settings.bot_data_dir / "models" / repository  # others may have a file of that name, too
    try:
        note(f"Fetching {repository}/{file} …")
        folder.mkdir(parents=True, exist_ok=True)
        path = fetch_file(repository, file, folder)
    except OSError as error:
        raise CannotBeDone(f"{folder}: cannot be written to ({error.strerror or error}).") from error
    stdout_line(str(path))
    note(f"To use it: LLM_MODEL={path} in .env, or `python -m bot chat --model {path}`.")


def _found(wanted: str) -> tuple[str, str]:
    for model in OPEN_MODELS:
        if model.name == wanted.lower():
            return model.repository, model.file
    if (address := _ADDRESS.fullmatch(wanted)) is not None:
        return address["repository"], address["file"]
    names = ", ".join(model.name for model in OPEN_MODELS)
    raise CommandUnclear(f"{wanted}: is none of {names}, and no OWNER/REPOSITORY/FILE.gguf.")
