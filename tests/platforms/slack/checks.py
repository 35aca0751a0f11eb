"""What Slack refuses as a bad form: texts that are too long, too many of something, blocks it does not know.

https://docs.slack.dev/reference/block-kit/blocks and the pages of the methods. The sum of all texts in blocks is not
documented; https://github.com/slackapi/bolt-js/issues/2509 found it near 13,200.
"""

from tests.platforms.slack.errors import Json, Refused, invalid
from tests.platforms.slack.payloads import texts_of

MAX_TEXT, MAX_UPDATED_TEXT = 40_000, 4_000
"""A post is cut there, and a change refused."""
MAX_MARKDOWN = 12_000
MAX_IN_BLOCKS = 13_200
MAX_BLOCKS, MAX_BLOCKS_OF_VIEW = 50, 100
MAX_METADATA_BYTES = 16_000
MAX_VIEW = 250_000

_IN_MESSAGES = set(
    """actions alert call card carousel context context_actions data_table divider file header image input markdown plan
    rich_text section table task_card video""".split()
)
_IN_VIEWS = _IN_MESSAGES - {"file", "call", "task_card", "plan", "table", "carousel", "card"}


def message(args: Json, *, is_update: bool = False) -> None:
    """Refuse a message that Slack would refuse."""
    found = args.get("blocks")
    has_blocks = bool(found) or bool(args.get("attachments"))
    text = args.get("text") or args.get("markdown_text") or ""
    if args.get("markdown_text") and (args.get("text") or found):
        raise Refused("markdown_text_conflict")
    if not isinstance(text, str):
        raise Refused("invalid_arguments")
    if len(args.get("markdown_text") or "") > MAX_MARKDOWN or (is_update and len(text) > MAX_UPDATED_TEXT):
        raise Refused("msg_too_long")
    keeps_text = is_update and bool({"blocks", "attachments"} & set(args))
    if not text.strip() and not has_blocks and not keeps_text:
        raise Refused("no_text")
    if len(args.get("attachments") or []) > 100:
        raise Refused("too_many_attachments")
    blocks(found or [], _IN_MESSAGES, MAX_BLOCKS)
    if sum(map(len, texts_of(found))) > MAX_IN_BLOCKS:
        raise Refused("msg_blocks_too_long")
    metadata(args.get("metadata"))


def metadata(found: object) -> None:
    """https://docs.slack.dev/messaging/message-metadata"""
    if found is None:
        return
    if not isinstance(found, dict) or not isinstance(found.get("event_payload"), dict) or not found.get("event_type"):
        raise Refused("invalid_metadata_format")
    if len(str(found)) > MAX_METADATA_BYTES:
        raise Refused("metadata_too_large")


def view(body: object, *types: str) -> None:
    """Refuse a view that Slack would refuse (https://docs.slack.dev/reference/views)."""
    if not isinstance(body, dict) or body.get("type") not in types:
        raise invalid("invalid_arguments", "/view/type", f"must be one of {types}")
    if not isinstance(body.get("blocks"), list):
        raise invalid("invalid_arguments", "/view/blocks", "missing required field: blocks")
    if len(str(body)) > MAX_VIEW:
        raise Refused("view_too_large")
    for name, most in (("private_metadata", 3000), ("callback_id", 255), ("external_id", 255)):
        _at_most(body, name, most, "/view", error="invalid_arguments")
    if body["type"] == "modal":
        _text(body.get("title"), 24, "/view/title", error="invalid_arguments")
        for name in ("submit", "close"):
            if body.get(name) is not None:
                _text(body[name], 24, f"/view/{name}", error="invalid_arguments")
        if body.get("submit") is None and any(it.get("type") == "input" for it in body["blocks"]):
            raise invalid("invalid_arguments", "/view/submit", "missing required field: submit")
    blocks(body["blocks"], _IN_VIEWS, MAX_BLOCKS_OF_VIEW, "/view/blocks")


def blocks(found: object, known: set[str], most: int, where: str = "/blocks") -> None:
    """Refuse blocks that Slack would refuse."""
    if not isinstance(found, list) or not all(isinstance(it, dict) for it in found):
        raise Refused("invalid_blocks_format")
    if len(found) > most:
        raise invalid("invalid_blocks", where, f"no more than {most} items allowed")
    ids = [it["block_id"] for it in found if it.get("block_id")]
    if len(set(ids)) < len(ids):
        raise invalid("invalid_blocks", where, "block_id must be unique")
    for number, it in enumerate(found):
        if it.get("type") not in known:
            raise invalid("invalid_blocks", f"{where}/{number}/type", f"unsupported type: {it.get('type')}")
        _block(it, f"{where}/{number}")
    if sum(len(str(it.get("text"))) for it in found if it["type"] == "markdown") > MAX_MARKDOWN:
        raise invalid("invalid_blocks", where, f"must be less than {MAX_MARKDOWN + 1} characters")


def _block(it: Json, where: str) -> None:
    _at_most(it, "block_id", 255, where)
    match it["type"]:
        case "markdown":
            _string(it.get("text"), MAX_MARKDOWN, f"{where}/text")
        case "header":
            _text(it.get("text"), 150, f"{where}/text", of="plain_text")
        case "section":
            if "text" not in it and not it.get("fields"):
                raise invalid("invalid_blocks", where, "missing required field: text")
            if "text" in it:
                _text(it["text"], 3000, f"{where}/text")
            _items(it.get("fields") or [], 10, f"{where}/fields")
            for field in it.get("fields") or []:
                _text(field, 2000, f"{where}/fields")
            if "accessory" in it:
                _element(it["accessory"], f"{where}/accessory")
        case "context":
            _items(it.get("elements"), 10, f"{where}/elements", least=1)
            for element in it["elements"]:
                if element.get("type") != "image":
                    _text(element, 3000, f"{where}/elements")
        case "actions":
            _items(it.get("elements"), 25, f"{where}/elements", least=1)
            ids = [element["action_id"] for element in it["elements"] if element.get("action_id")]
            if len(set(ids)) < len(ids):
                raise invalid("invalid_blocks", f"{where}/elements", "action_id must be unique")
            for element in it["elements"]:
                _element(element, f"{where}/elements")
        case "input":
            _text(it.get("label"), 2000, f"{where}/label", of="plain_text")
            _element(it.get("element"), f"{where}/element")
        case "image":
            _string(it.get("alt_text"), 2000, f"{where}/alt_text")


def _element(it: object, where: str) -> None:
    if not isinstance(it, dict) or not it.get("type"):
        raise invalid("invalid_blocks", where, "missing required field: type")
    _at_most(it, "action_id", 255, where)
    if it["type"] == "button":
        _text(it.get("text"), 75, f"{where}/text", of="plain_text")
        _at_most(it, "value", 2000, where)
        _at_most(it, "url", 3000, where)
    if it["type"] == "plain_text_input":
        _at_most(it, "initial_value", 3000, where)
    if "placeholder" in it:
        _text(it["placeholder"], 150, f"{where}/placeholder", of="plain_text")
    _items(it.get("options") or [], 5 if it["type"] == "overflow" else 100, f"{where}/options")
    for option in it.get("options") or []:
        _text(option.get("text"), 75, f"{where}/options/text")
        _at_most(option, "value", 150, f"{where}/options")
    if "confirm" in it:
        for name, most in (("title", 100), ("text", 300), ("confirm", 30), ("deny", 30)):
            if name in it["confirm"]:
                _text(it["confirm"][name], most, f"{where}/confirm/{name}")


def _text(it: object, most: int, where: str, *, of: str = "", error: str = "invalid_blocks") -> None:
    """A text object (https://docs.slack.dev/reference/block-kit/composition-objects/text-object)."""
    if not isinstance(it, dict) or it.get("type") not in ([of] if of else ["plain_text", "mrkdwn"]):
        raise invalid(error, where, f"must be a text object {of}".rstrip())
    _string(it.get("text"), most, f"{where}/text", error=error)


def _string(it: object, most: int, where: str, *, error: str = "invalid_blocks") -> None:
    if not isinstance(it, str) or not it:
        raise invalid(error, where, "must be more than 0 characters")
    if len(it) > most:
        raise invalid(error, where, f"must be less than {most + 1} characters")


def _at_most(it: Json, name: str, most: int, where: str, *, error: str = "invalid_blocks") -> None:
    if len(str(it.get(name) or "")) > most:
        raise invalid(error, f"{where}/{name}", f"must be less than {most + 1} characters")


def _items(found: object, most: int, where: str, *, least: int = 0) -> None:
    if not isinstance(found, list) or not least <= len(found) <= most:
        raise invalid("invalid_blocks", where, f"must be between {least} and {most} items")
