"""What is sent when a person uses a command, a shortcut, a button or a form.

https://docs.slack.dev/interactivity/implementing-slash-commands, https://docs.slack.dev/reference/interaction-payloads.
A mistake that no person could make fails the test.
"""

from collections.abc import Iterator

from tests.platforms.slack import payloads
from tests.platforms.slack.errors import Json
from tests.platforms.slack.payloads import VERIFICATION
from tests.platforms.slack.state import State
from tests.platforms.slack.things import Channel, Interaction, Kind, Message, User, View

_PICKERS = {
    "channels_select": "channel",
    "conversations_select": "conversation",
    "datepicker": "date",
    "timepicker": "time",
    "users_select": "user",
}
"""Fields, and what is selected in them."""


def command(state: State, asked: Interaction, name: str, text: str, address: str) -> Json:
    """A slash command; in threads there are none."""
    channel = _place(asked.channel)
    return {
        "token": VERIFICATION,
        "team_id": state.workspace.id,
        "team_domain": state.workspace.domain,
        "channel_id": channel.id,
        "channel_name": name_of(channel),
        "user_id": asked.person.id,
        "user_name": asked.person.name.lower(),
        "command": name,
        "text": text,
        "api_app_id": state.app_id,
        "is_enterprise_install": "false",
        "response_url": address,
        "trigger_id": asked.key,
    }


def shortcut(state: State, asked: Interaction, callback_id: str, address: str) -> Json:
    """One from the menu of a message, or without a message one of the search field."""
    common = _common(state, asked, "shortcut") | {"callback_id": callback_id, "action_ts": state.new_ts()}
    if asked.message is None:
        return common
    place = {"channel": _named(asked.message.channel), "message": payloads.message(state, asked.message)}
    return common | place | {"type": "message_action", "message_ts": asked.message.ts, "response_url": address}


def action(state: State, asked: Interaction, pressed: Json, value: str | None, address: str, values: Json) -> Json:
    """A button was pressed, or something chosen, in a message or a view."""
    done = {"type": pressed["type"], "action_id": pressed.get("action_id", ""), "block_id": pressed["block_id"]}
    done["action_ts"] = state.new_ts()
    if pressed["type"] == "button":
        done |= {name: pressed[name] for name in ("text", "value") if name in pressed}
    elif value is not None:
        done |= chosen(pressed, value)
    common = _common(state, asked, "block_actions") | {"actions": [done]}
    if asked.view is not None:
        told = payloads.view(state, asked.view, values)
        return common | {"container": {"type": "view", "view_id": asked.view.id}, "view": told}
    assert asked.message is not None, "it stands somewhere"
    it = asked.message
    container: Json = {"type": "message", "message_ts": it.ts, "channel_id": it.channel.id}
    container |= {"is_ephemeral": it.visible_to is not None} | ({"thread_ts": it.thread_ts} if it.thread_ts else {})
    told = {"container": container, "channel": _named(it.channel), "state": {"values": values}}
    if it.visible_to is None:
        told["message"] = payloads.message(state, it)
    return common | told | {"response_url": address}


def submission(state: State, asked: Interaction, view: View, values: Json) -> Json:
    """A form was sent off."""
    told = {"view": payloads.view(state, view, values), "response_urls": []}
    return _common(state, asked, "view_submission") | told


def closing(state: State, asked: Interaction, view: View) -> Json:
    """A form was closed, and the app had asked to be told."""
    told = {"view": payloads.view(state, view), "is_cleared": False}
    return {name: it for name, it in (_common(state, asked, "view_closed") | told).items() if name != "trigger_id"}


def controls(blocks: list[Json]) -> Iterator[Json]:
    """Everything in blocks that can be pressed, chosen or filled in, each with its block's id and label."""
    for block in blocks:
        inside = [*block.get("elements", []), *(block[name] for name in ("accessory", "element") if name in block)]
        label = (block.get("label") or {}).get("text", "")
        for it in inside if block["type"] != "context" else []:
            if it.get("action_id") or it["type"] in ("button", "plain_text_input"):
                yield {**it, "block_id": block["block_id"], "label": label, "is_optional": block.get("optional", False)}


def found(blocks: list[Json], label: str) -> Json:
    """The control of a label or action id."""
    all_ = list(controls(blocks))
    names = [(it, ((it.get("text") or {}).get("text"), it.get("action_id"), it["label"])) for it in all_]
    match = [it for it, known in names if label in known]
    assert match, f"no such control: {label}, but {[known for _, known in names]}"
    return match[0]


def filled(view: View, values: dict[str, str], *, is_sent: bool = True) -> Json:
    """The state of a form, as people filled it in; what they left is as it was."""
    left = dict(values)
    state: Json = {}
    for it in controls(view.body["blocks"]):
        if it["type"] == "button":
            continue
        key = it.get("action_id") if it.get("action_id") in left else it["label"]
        given = left.pop(str(key), None)
        state.setdefault(it["block_id"], {})[it.get("action_id", "")] = chosen(it, given)
        is_empty = not any(value for name, value in chosen(it, given).items() if name != "type")
        assert not is_sent or not is_empty or it["is_optional"] or not it["label"], f"{it['label']} has to be filled in"
    assert not left, f"no such fields: {left}"
    return state


def chosen(it: Json, value: str | None) -> Json:
    """What stands in a field."""
    options = {option["value"]: option for option in it.get("options", [])}
    by_text = {option["text"]["text"]: option for option in it.get("options", [])}
    match it["type"]:
        case "static_select" | "radio_buttons" | "overflow":
            picked = it.get("initial_option") if value is None else options.get(value) or by_text[value]
            return {"type": it["type"], "selected_option": picked}
        case "checkboxes" | "multi_static_select":
            picks = it.get("initial_options", []) if value is None else [options.get(value) or by_text[value]]
            return {"type": it["type"], "selected_options": picks}
    if it["type"] in _PICKERS:
        name = _PICKERS[it["type"]]
        return {"type": it["type"], f"selected_{name}": it.get(f"initial_{name}") if value is None else value}
    return {"type": it["type"], "value": it.get("initial_value") if value is None else value or None}


def name_of(channel: Channel) -> str:
    """How payloads name a place: those that are not public by their kind alone."""
    kinds = {Kind.IM: "directmessage", Kind.PRIVATE: "privategroup", Kind.MPIM: channel.name}
    return kinds.get(channel.kind, channel.name)


def _common(state: State, asked: Interaction, kind: str) -> Json:
    return {
        "type": kind,
        "user": _person(asked.person),
        "api_app_id": state.app_id,
        "token": VERIFICATION,
        "trigger_id": asked.key,
        "team": {"id": state.workspace.id, "domain": state.workspace.domain},
        "enterprise": None,
        "is_enterprise_install": False,
    }


def _person(it: User) -> Json:
    return {"id": it.id, "username": it.name.lower(), "name": it.name.lower(), "team_id": it.workspace.id}


def _named(channel: Channel) -> Json:
    return {"id": channel.id, "name": name_of(channel)}


def _place(channel: Channel | None) -> Channel:
    assert channel is not None, "commands are given somewhere"
    return channel


def in_message(message: Message, label: str, person: User) -> Json:
    """A control that a person sees in a message."""
    assert message.visible_to in (None, person), f"{person.name} does not see the message"
    assert not message.is_deleted, "the message is gone"
    return found(message.blocks, label)
