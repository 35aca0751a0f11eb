"""How the bot is set up on Slack: asked beside a running bot; nothing is changed, and nothing is sent.

What Slack tells to nobody but the owner of an app (of which events it is told, whether people may write to it) cannot
be looked at; the manifest has it.
"""

import asyncio
from collections.abc import Sequence

from adapters.ports.checkup import Account, Finding, Verdict
from adapters.ports.errors import DeliveryRefused, PlatformUnavailable, ServiceMissing
from adapters.slack.credentials import Credentials
from adapters.slack.manifest import PATH, TO_ANSWER, USED_FOR
from adapters.slack.me import Me
from adapters.slack.web import new_connection, web_client, who_am_i

WITHIN_S = 60.0
APPS = "https://api.slack.com/apps"
HOW_TO_ADD = f"add them on the page OAuth & Permissions of the app at {APPS}, and install it again"
UNSEEN = (
    "of which events it is told, and whether its Messages tab is on, Slack does not say: copy the manifest of the app "
    "from its page App Manifest, and `python -m bot slack-manifest --compare FILE` says what is missing"
)


async def account(credentials: Credentials) -> Account:
    """Whose the tokens are, and what they allow."""
    return Account(tuple(await _found(credentials)))


async def examine(credentials: Credentials) -> Sequence[Finding]:
    """The same, and what cannot be looked at."""
    found = await _found(credentials)
    return (*found, Finding("ok", "slack app", UNSEEN)) if all(it.verdict != "fail" for it in found) else found


async def _found(credentials: Credentials) -> list[Finding]:
    found: list[Finding] = []
    try:
        async with asyncio.timeout(WITHIN_S), web_client(credentials.bot_token, credentials.api_url) as client:
            found += _of_token(await who_am_i(client))
            if credentials.app_token is not None:
                await new_connection(client, credentials.app_token)  # and nobody takes it up
                told = "Socket Mode is on, and SLACK_APP_TOKEN opens connections"
            else:
                told = f"without SLACK_APP_TOKEN it waits on port {credentials.port} for what Slack sends to {PATH}"
            found.append(Finding("ok", "slack connection", told))
    except ServiceMissing as missing:
        found.append(Finding("fail", "slack", _one_line(str(missing))))
    except (PlatformUnavailable, DeliveryRefused, TimeoutError) as error:
        found.append(Finding("fail", "slack", f"cannot be reached: {_one_line(str(error)) or 'no answer'}"))
    return found


def _of_token(me: Me) -> list[Finding]:
    whose = f"SLACK_BOT_TOKEN is the token of {_one_line(me.name)} in {_one_line(me.team_name)} (team {me.team})"
    found = [Finding("ok", "slack", whose)]
    missing = [scope for scope in USED_FOR if scope not in me.scopes]
    if not me.scopes:
        found.append(Finding("warn", "slack scopes", "Slack does not say what the token may do"))
    elif missing:
        verdict: Verdict = "fail" if any(scope in TO_ANSWER for scope in missing) else "warn"
        needed = "; ".join(f"{scope} ({USED_FOR[scope]})" for scope in missing)
        found.append(Finding(verdict, "slack scopes", f"missing: {needed}. To change that {HOW_TO_ADD}"))
    else:
        found.append(Finding("ok", "slack scopes", f"the token may do all that it needs: {', '.join(USED_FOR)}"))
    return found


def _one_line(text: str) -> str:
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())
