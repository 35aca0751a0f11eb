"""What Slack answers when it refuses: 200, `ok: false`, and a word that says why.

https://docs.slack.dev/apis/web-api/#responses
"""

from typing import Any

Json = dict[str, Any]


class Refused(Exception):
    """A call is refused; `more` stands beside the word."""

    def __init__(self, error: str, **more: object) -> None:
        super().__init__(error)
        self.body: Json = {"ok": False, "error": error, **more}


def invalid(error: str, where: str, why: str) -> Refused:
    """A part of the arguments is wrong; `where` is its JSON pointer."""
    return Refused(error, response_metadata={"messages": [f"[ERROR] {why} [json-pointer:{where}]"]})


def missing_scope(needed: str, provided: frozenset[str]) -> Refused:
    """The token does not have the scope that the method needs."""
    return Refused("missing_scope", needed=needed, provided=",".join(sorted(provided)))
