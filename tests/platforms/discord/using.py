"""What is sent when a person uses a command, a button or a form; a mistake that no person could make fails the test."""

from typing import Any

from tests.platforms.discord import checks, payloads
from tests.platforms.discord.errors import Json
from tests.platforms.discord.state import State
from tests.platforms.discord.things import Attachment, Channel, Permission, User

SLASH, ON_MESSAGE = 1, 3
"""Types of commands."""
GROUP_OPTIONS = (1, 2)
"""Types of options that are commands in a group, or groups in a group."""
BY_ID = {6: "users", 7: "channels", 9: "users", 11: "attachments"}
"""Types of options whose value is an id, and where what it names is told of."""


def command(
    state: State, person: User, channel: Channel, line: str, options: Json, focused: str | None = None
) -> tuple[Json, str]:
    """What is sent when a slash command is used, and how it looks."""
    name, *path = line.removeprefix("/").split()
    found = offered(state, person, channel, name, SLASH)
    resolved: Json = {}
    filled_in = _options(found, path, options, focused, resolved)
    data: Json = {"id": found["id"], "name": name, "type": SLASH, "options": filled_in}
    shown = "".join(f" {key}:{value}" for key, value in options.items())
    return data | ({"resolved": resolved} if resolved else {}), f"/{' '.join([name, *path])}{shown}"


def offered(state: State, person: User, channel: Channel, name: str, kind: int) -> Json:
    """A command that the person is offered there."""
    guild = channel.guild
    all_ = [*state.commands[None].values()]
    all_ += state.commands.get(guild.id, {}).values() if guild is not None else []
    found = next((it for it in all_ if it["name"] == name and it["type"] == kind), None)
    assert found is not None, f"no such command: {name}, but {sorted(it['name'] for it in all_)}"
    contexts = found.get("contexts")
    assert contexts is None or (0 if guild is not None else 1) in contexts, f"{name} is not offered here"
    needed = found.get("default_member_permissions")
    if guild is not None and needed is not None:
        required = Permission(int(needed) & sum(Permission))
        may = guild.permissions_of(person)
        is_offered = required & ~may == 0 if required else bool(may & Permission.ADMINISTRATOR)
        assert is_offered, f"{person.name} is not offered {name}"
    return found


def controls(components: list[Json]) -> list[Json]:
    """The buttons and lists of a message."""
    accessories = [it["accessory"] for it in checks.every(components) if "accessory" in it]
    return [it for it in [*checks.every(components), *accessories] if it.get("custom_id")]


def filled(component: Json, values: Json) -> Json:
    """A part of a form as it is sent back: what stands in its field, and not how it looked."""
    if component["type"] == checks.LABEL:
        inner = {**component["component"], "label": component["label"]}
        return {"type": checks.LABEL, "id": component.get("id", 0), "component": filled(inner, values)}
    if component["type"] == checks.ROW:
        return {"type": checks.ROW, "components": [filled(it, values) for it in component["components"]]}
    if component["type"] == checks.TEXT_DISPLAY:
        return {"type": checks.TEXT_DISPLAY, "id": component.get("id", 0)}
    key = component["custom_id"] if component["custom_id"] in values else component.get("label", "")
    value = values.pop(key, component.get("value") or "")
    assert value or not component.get("required", True), f"{component.get('label')} has to be filled in"
    field: Json = {"type": component["type"], "custom_id": component["custom_id"], "id": component.get("id", 0)}
    return field | ({"value": value} if component["type"] == checks.TEXT_INPUT else {"values": [value]})


def _options(command: Json, path: list[str], values: Json, focused: str | None, resolved: Json) -> list[Json]:
    known = {it["name"]: it for it in command.get("options") or []}
    if path:
        assert path[0] in known, f"{command['name']} has no {path[0]}, but {sorted(known)}"
        inner = _options(known[path[0]], path[1:], values, focused, resolved)
        return [{"name": path[0], "type": known[path[0]]["type"], "options": inner}]
    assert set(values) <= set(known), f"{command['name']} has {sorted(known)}, not {sorted(values)}"
    missing = [name for name, it in known.items() if it.get("required") and name not in values]
    assert not missing or focused, f"{command['name']} needs {missing}"
    return [_option(known[name], value, name == focused, resolved) for name, value in values.items()]


def _option(known: Json, value: Any, is_focused: bool, resolved: Json) -> Json:
    kind = known["type"]
    assert kind not in GROUP_OPTIONS, f"{known['name']} is a command of its own"
    if kind in BY_ID:
        resolved.setdefault(BY_ID[kind], {})[str(value.id)] = _told(value)
        value = str(value.id)
    allowed = [choice["value"] for choice in known.get("choices") or []]
    assert not allowed or value in allowed, f"{known['name']} is one of {allowed}"
    option: Json = {"name": known["name"], "type": kind, "value": value}
    return option | ({"focused": True} if is_focused else {})


def _told(value: User | Channel | Attachment) -> Json:
    match value:
        case User():
            return payloads.user(value)
        case Attachment():
            return payloads.attachment(value)
    return {**payloads.channel(value), "permissions": str(int(sum(Permission)))}
