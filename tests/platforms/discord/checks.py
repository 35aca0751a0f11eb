"""What Discord refuses as a bad form: texts that are too long, too many of something, names that are not allowed."""

import re
from collections.abc import Iterator

from tests.platforms.discord.errors import Json, Refused, bad_form
from tests.platforms.discord.things import COMPONENTS_V2

MAX_CONTENT = 2000
MAX_FILE_BYTES = 10 * 1024 * 1024
MAX_TOTAL_BYTES = 25 * 1024 * 1024

ROW, BUTTON, TEXT_INPUT, TEXT_DISPLAY, LABEL = 1, 2, 4, 10, 18
"""Types of components."""

_COMMAND_NAME = re.compile(r"[-_'\w]{1,32}")
_SLASH, _GROUPS = 1, (1, 2)


def message(body: Json, *, files: list[tuple[str, bytes, str]], is_edit: bool = False) -> None:
    """Refuse a message that Discord would refuse."""
    _at_most(body, "content", MAX_CONTENT)
    _at_most(body, "nonce", 25)
    if len(files) > 10:
        raise bad_form("attachments", "Must be 10 or fewer in length.")
    if any(len(content) > MAX_FILE_BYTES for _, content, _ in files):
        raise Refused(413, 40005, "Request entity too large")
    _embeds(body.get("embeds") or [])
    parts = body.get("components") or []
    if body.get("flags", 0) & COMPONENTS_V2:
        if body.get("content") or body.get("embeds"):
            raise bad_form("content", "The 'content' field cannot be used when using MessageFlags.IS_COMPONENTS_V2")
        _at_most_in_all([it["content"] for it in every(parts) if it["type"] == TEXT_DISPLAY], 4000, "components")
    elif len(parts) > 5:
        raise bad_form("components", "Must be 5 or fewer in length.")
    _components(parts)
    has_something = any(body.get(name) for name in ("content", "embeds", "components", "attachments", "sticker_ids"))
    if not has_something and not files and not is_edit:
        raise Refused(400, 50006, "Cannot send an empty message")


def modal(body: Json) -> None:
    """Refuse a form that Discord would refuse."""
    _at_most(body, "title", 45, least=1)
    _at_most(body, "custom_id", 100, least=1)
    if not 1 <= len(body["components"]) <= 5:
        raise bad_form("components", "Must be between 1 and 5 in length.")
    _components(body["components"])


def choices(found: list[Json]) -> None:
    """Refuse suggestions that Discord would refuse."""
    if len(found) > 25:
        raise bad_form("data.choices", "Must be 25 or fewer in length.")
    for number, choice in enumerate(found):
        _at_most(choice, "name", 100, f"data.choices.{number}.", least=1)
        if isinstance(choice["value"], str):
            _at_most(choice, "value", 100, f"data.choices.{number}.")


def command(body: Json, path: str = "") -> None:
    """Refuse a command, or an option of one, that Discord would refuse."""
    is_slash = path or body.get("type", _SLASH) == _SLASH
    if is_slash and (not _COMMAND_NAME.fullmatch(body["name"]) or body["name"] != body["name"].lower()):
        raise bad_form(f"{path}name", "Command name is invalid", "APPLICATION_COMMAND_INVALID_NAME")
    _at_most(body, "name", 32, path, least=1)
    if is_slash:
        _at_most(body, "description", 100, path, least=1)
    options = body.get("options") or []
    if len(options) > 25 or len(body.get("choices") or []) > 25:
        raise bad_form(f"{path}options", "Must be 25 or fewer in length.")
    required = [option.get("required", False) for option in options]
    if required != sorted(required, reverse=True):
        raise bad_form(f"{path}options", "Required options must be placed before non-required options")
    for number, option in enumerate(options):
        command(option, f"{path}options.{number}.")


def thread_name(body: Json) -> None:
    """Refuse a thread without a name, or with a long one."""
    _at_most(body, "name", 100, least=1)


def every(components: list[Json]) -> Iterator[Json]:
    """Each component, and those inside it."""
    for it in components:
        yield it
        yield from every([*it.get("components", []), *([it["component"]] if "component" in it else [])])


def _components(parts: list[Json]) -> None:
    ids = [it["custom_id"] for it in every(parts) if it.get("custom_id")]
    if len(set(ids)) < len(ids):
        raise bad_form("components", "Component custom id cannot be duplicated", "COMPONENT_CUSTOM_ID_DUPLICATED")
    for it in every(parts):
        _at_most(it, "custom_id", 100, "components.0.")
        if it["type"] == ROW and not 1 <= len(it["components"]) <= 5:
            raise bad_form("components.0.components", "Must be between 1 and 5 in length.")
        if it["type"] == BUTTON:
            _at_most(it, "label", 80, "components.0.")
        if it["type"] in (TEXT_INPUT, LABEL):
            _at_most(it, "label", 45, "components.0.")
            _at_most(it, "placeholder", 100, "components.0.")
            _at_most(it, "value", 4000, "components.0.")


def _embeds(embeds: list[Json]) -> None:
    if len(embeds) > 10:
        raise bad_form("embeds", "Must be 10 or fewer in length.")
    texts: list[str] = []
    for number, embed in enumerate(embeds):
        path = f"embeds.{number}."
        _at_most(embed, "title", 256, path)
        _at_most(embed, "description", 4096, path)
        if len(embed.get("fields", [])) > 25:
            raise bad_form(f"{path}fields", "Must be 25 or fewer in length.")
        for at, field in enumerate(embed.get("fields", [])):
            _at_most(field, "name", 256, f"{path}fields.{at}.", least=1)
            _at_most(field, "value", 1024, f"{path}fields.{at}.", least=1)
            texts += [field["name"], field["value"]]
        footer = embed.get("footer", {})
        _at_most(footer, "text", 2048, f"{path}footer.")
        texts += [embed.get("title") or "", embed.get("description") or "", footer.get("text") or ""]
    _at_most_in_all(texts, 6000, "embeds")


def _at_most(body: Json, name: str, most: int, path: str = "", *, least: int = 0) -> None:
    length = len(str(body.get(name) or ""))
    if length > most:
        raise bad_form(path + name, f"Must be {most} or fewer in length.", "BASE_TYPE_MAX_LENGTH")
    if length < least:
        raise bad_form(path + name, "This field is required", "BASE_TYPE_REQUIRED")


def _at_most_in_all(texts: list[str], most: int, path: str) -> None:
    if sum(map(len, texts)) > most:
        raise bad_form(path, f"Size exceeds maximum size of {most}", "MAX_EMBED_SIZE_EXCEEDED")
