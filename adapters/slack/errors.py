"""What Slack refuses, in the terms of `adapters.ports`."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError

from adapters.ports.errors import DeliveryRefused, PlatformUnavailable

TOKEN_FAULTS = frozenset(
    "invalid_auth not_authed account_inactive token_revoked token_expired org_login_required not_allowed_token_type "
    "app_uninstalled".split()
)
"""Errors that only the operator can mend (https://docs.slack.dev/reference/methods/auth.test#errors)."""

_PASSING = frozenset("fatal_error internal_error service_unavailable request_timeout team_added_to_org".split())
_RATE_LIMITS = frozenset("ratelimited rate_limited message_limit_exceeded".split())

NOT_THERE = frozenset({"unknown_method", "missing_scope", "not_allowed_token_type", "access_denied"})
"""Errors that say that a workspace does not have a method for us, today or tomorrow."""

MAY_NOT_WRITE = {
    "not_in_channel": "I am not in it; invite me",
    "channel_not_found": "I am not in it, or it is gone; invite me",
    "is_archived": "it is archived",
    "restricted_action": "the workspace lets only some people write there",
    "restricted_action_read_only_channel": "nobody but a few may write there",
    "restricted_action_thread_only_channel": "only threads may be written in there",
    "restricted_action_non_threadable_channel": "there are no threads there",
    "restricted_action_thread_locked": "the thread is locked",
    "ekm_access_denied": "the workspace's administrators do not allow it",
    "team_access_not_granted": "the workspace's administrators do not allow it",
    "messages_tab_disabled": "the Messages tab of the app is off",
    "missing_scope": "a scope is missing, which `python -m bot doctor` names",
}
"""Errors that say that we may not write in a place, and why (https://docs.slack.dev/reference/methods/chat.postMessage)."""

BOT_TOKEN_NOT_KNOWN = (
    "SLACK_BOT_TOKEN: Slack does not know this token ({error}). Take the Bot User OAuth Token from the page OAuth & "
    "Permissions of your app at https://api.slack.com/apps; it begins with xoxb-."
)
APP_TOKEN_NOT_KNOWN = (
    "SLACK_APP_TOKEN: Slack does not open a connection with this token ({error}). Make one with the scope "
    "connections:write on the page Basic Information of your app at https://api.slack.com/apps, and see that Socket "
    "Mode is switched on; it begins with xapp-."
)


class Refusal(DeliveryRefused):
    """Slack refuses what it was asked; `error` is its word for why."""

    def __init__(self, error: str) -> None:
        why = f": {MAY_NOT_WRITE[error]}" if error in MAY_NOT_WRITE else ""
        super().__init__(f"Slack answered {error}{why}")
        self.error = error


@contextmanager
def translated() -> Iterator[None]:
    """Raise what a request to Slack can raise as `PlatformUnavailable` or `Refusal`."""
    try:
        yield
    except SlackApiError as error:
        raise _of_answer(error) from error
    except aiohttp.ClientConnectorError as error:
        raise PlatformUnavailable(str(error), may_be_posted=False) from error
    except (TimeoutError, aiohttp.ClientError, SlackClientError, OSError) as error:
        raise PlatformUnavailable(f"{type(error).__name__}: {error}") from error


def code_of(error: SlackApiError) -> str:
    """Slack's word for what is wrong; empty if what answered was not Slack, or not as it should be."""
    answer: Any = getattr(error.response, "data", None)
    code = answer.get("error") if isinstance(answer, dict) else None
    return code if isinstance(code, str) else ""


def _of_answer(error: SlackApiError) -> PlatformUnavailable | Refusal:
    response: Any = error.response
    code = code_of(error)
    status = getattr(response, "status_code", None) or getattr(response, "status", None) or 0
    if code in _RATE_LIMITS or status == 429:
        return PlatformUnavailable("over a rate limit", _retry_after(response), may_be_posted=False)
    if code in TOKEN_FAULTS:  # what waits is kept until the operator has mended it
        return PlatformUnavailable(f"Slack does not take the token: {code}", may_be_posted=False)
    if code in _PASSING or not code:
        return PlatformUnavailable(f"Slack answered {status} {code}".rstrip())
    return Refusal(code)


def _retry_after(response: Any) -> float | None:
    headers = getattr(response, "headers", None) or {}
    try:
        return float(headers.get("Retry-After", ""))
    except (TypeError, ValueError):
        return None
