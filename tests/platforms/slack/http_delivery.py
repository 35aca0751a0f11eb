"""What Slack posts to an app's Request URL, signed (https://docs.slack.dev/authentication/verifying-requests-from-slack)."""

import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from urllib.parse import urlencode

from aiohttp import ClientError, ClientSession

from tests.platforms.slack.errors import Json
from tests.platforms.slack.things import Delivery

FORM, JSON = "application/x-www-form-urlencoded", "application/json"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the app answered; 0 if it could not be reached."""

    status: int
    text: str
    headers: dict[str, str]

    @property
    def body(self) -> Json:
        """As Slack reads it: JSON, or a text that is shown to the person."""
        try:
            read = json.loads(self.text or "{}")
        except ValueError:
            return {"text": self.text}
        return read if isinstance(read, dict) else {"text": self.text}


def form_of(delivery: Delivery) -> tuple[str, str]:
    """The body and its type: each kind has its own."""
    if delivery.kind == "events_api":
        return json.dumps(delivery.payload), JSON
    if delivery.kind == "slash_commands":
        return urlencode(delivery.payload), FORM
    return urlencode({"payload": json.dumps(delivery.payload)}), FORM


def signed(secret: str, body: str, *, age_s: float = 0.0) -> dict[str, str]:
    """The headers that prove a body; by the real time, which is what apps compare it with."""
    at = str(int(time.time() - age_s))
    digest = hmac.new(secret.encode(), f"v0:{at}:{body}".encode(), hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": at, "X-Slack-Signature": f"v0={digest}"}


async def post(session: ClientSession, url: str, body: str, headers: dict[str, str]) -> Answer:
    """Post once."""
    headers = {"User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)", **headers}
    try:
        async with session.post(url, data=body.encode(), headers=headers, allow_redirects=False) as response:
            return Answer(response.status, await response.text(), dict(response.headers))
    except ClientError:
        return Answer(0, "", {})
