"""What an app lacks of what our manifest asks for (pure): Slack tells that to nobody but the owner of the app.

They find the manifest of their app as it is on its page *App Manifest*.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from adapters.slack.manifest import REMEMBER_THIS, USED_FOR, Json, manifest

NO_MANIFEST = "that is not the manifest of a Slack app in JSON: copy it from the page App Manifest of the app"


class NotAManifest(ValueError):
    """A text is no manifest; it says what to do."""


def read_manifest(text: str) -> Json:
    """The manifest of an app.

    Raises:
        NotAManifest: it is none.
    """
    try:
        told = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotAManifest(NO_MANIFEST) from error
    if not isinstance(told, dict) or not isinstance(told.get("display_information"), dict):
        raise NotAManifest(NO_MANIFEST)
    return told


def missing_in(told: Json, public_url: str | None = None) -> list[str]:
    """What is to be changed of an app, a line each.

    Args:
        told: its manifest.
        public_url: as in `manifest`.
    """
    ours = manifest(public_url)
    scopes, events = ("oauth_config", "scopes", "bot"), ("settings", "event_subscriptions", "bot_events")
    missing = [f"scope missing: {scope} ({USED_FOR[scope]})" for scope in _lacking(ours, told, scopes)]
    missing += [f"event missing: {event}" for event in _lacking(ours, told, events)]
    home = ("features", "app_home")
    if not _at(told, *home, "messages_tab_enabled") or _at(told, *home, "messages_tab_read_only_enabled"):
        missing.append("the Messages tab is off, or may only be read: people cannot write to it")
    if not _at(told, *home, "home_tab_enabled"):
        missing.append("the Home tab is off: people do not see what it knows of them")
    if not _at(told, "features", "slash_commands"):
        missing.append("no slash command: /agent is typed as a message alone")
    if REMEMBER_THIS not in [it.get("callback_id") for it in _objects(_at(told, "features", "shortcuts"))]:
        missing.append(f"no shortcut {REMEMBER_THIS}: Remember this is not in the menu of a message")
    if not _at(told, "settings", "interactivity", "is_enabled"):
        missing.append("interactivity is off: buttons and forms do nothing")
    return missing + _wrong_ways(ours, told, public_url)


def _wrong_ways(ours: Json, told: Json, public_url: str | None) -> list[str]:
    """How Slack reaches the bot, where that is not as it is to be."""
    is_on = bool(_at(told, "settings", "socket_mode_enabled"))
    if public_url is None:
        return [] if is_on else ["Socket Mode is off; without it, give --url"]
    wrong = ["Socket Mode is on: Slack sends nothing to an address"] if is_on else []
    for part in ("event_subscriptions", "interactivity"):
        address = _at(ours, "settings", part, "request_url")
        if _at(told, "settings", part, "request_url") != address:
            wrong.append(f"the Request URL of {part} is not {address}")
    return wrong


def _lacking(ours: Json, told: Json, path: Iterable[str]) -> list[str]:
    there = _at(told, *path)
    return [it for it in _at(ours, *path) if not isinstance(there, list) or it not in there]


def _at(told: Any, *path: str) -> Any:
    """What stands there; None if nothing does."""
    for name in path:
        told = told.get(name) if isinstance(told, Mapping) else None
    return told


def _objects(found: Any) -> list[Json]:
    return [it for it in found if isinstance(it, dict)] if isinstance(found, list) else []
