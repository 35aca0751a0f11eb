"""What Discord answers when it refuses: a status, a code of its own, and for a bad form the fields that are wrong."""

from typing import Any

Json = dict[str, Any]


class Refused(Exception):
    """A request is refused; `code` is Discord's own number for why."""

    def __init__(self, status: int, code: int, message: str, errors: Json | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body: Json = {"message": message, "code": code}
        if errors:
            self.body["errors"] = errors


def bad_form(path: str, why: str, code: str = "BASE_TYPE_BAD_LENGTH") -> Refused:
    """A field that is wrong; `path` names it with dots between: `embeds.0.title`."""
    errors: Json = {"_errors": [{"code": code, "message": why}]}
    for step in reversed(path.split(".")):
        errors = {step: errors}
    return Refused(400, 50035, "Invalid Form Body", errors)


def unauthorized() -> Refused:
    """The token is wrong."""
    return Refused(401, 0, "401: Unauthorized")


def unknown_channel() -> Refused:
    """There is no such channel, or no more."""
    return Refused(404, 10003, "Unknown Channel")


def unknown_message() -> Refused:
    """There is no such message, or no more."""
    return Refused(404, 10008, "Unknown Message")


def unknown_interaction() -> Refused:
    """There is no such interaction, or its three seconds are over."""
    return Refused(404, 10062, "Unknown interaction")


def missing_access() -> Refused:
    """The bot cannot see the place."""
    return Refused(403, 50001, "Missing Access")


def missing_permissions() -> Refused:
    """The bot sees the place and may not do this in it."""
    return Refused(403, 50013, "Missing Permissions")
