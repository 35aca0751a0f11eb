"""How the bot is set up on Discord: asked by its REST API alone, so that a running bot is not disturbed.

Nothing is changed there: commands that Discord does not know are told of, not sent.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import discord

from adapters.discord.client import Client, Listener
from adapters.discord.errors import NOT_KNOWN, translated
from adapters.discord.permissions import TO_ANSWER, USED_FOR, invitation, missing_in, shown
from adapters.discord.slash import SlashCommands
from adapters.ports.checkup import Account, Finding, Verdict
from adapters.ports.commands import CommandSpec
from adapters.ports.errors import DeliveryRefused, PlatformUnavailable
from adapters.ports.intake import Intake

WITHIN_S = 60.0
GUILDS_A_PAGE = 200
"""https://discord.com/developers/docs/resources/user#get-current-user-guilds"""

MOST_NAMED = 5
"""Servers in which something is missing; of others only how many there are."""

NO_CONTENT = (
    "Message Content is switched off: it is shown what mentions it, replies to it, and direct messages; threads need a "
    "mention, and the modes listen and open are refused. To change that switch it on on the page Bot of the "
    "application at https://discord.com/developers/applications, and start the bot again"
)


async def account(token: str) -> Account:
    """Whose bot the token is of, what its application is allowed, and how it is invited."""
    try:
        async with _logged_in(token) as client:
            return Account(tuple(_application(client)), invitation(client.application_id or 0))
    except _NOT_TO_BE_ASKED as error:
        return Account((_unasked(error),))


async def examine(token: str, commands: Sequence[CommandSpec]) -> tuple[Finding, ...]:
    """The account, the permissions in every server, and whether the slash commands are these."""
    found: list[Finding] = []
    try:
        async with _logged_in(token) as client:
            found += _application(client)
            found.append(await _permissions(client))
            found.append(await _commands(client, commands))
    except _NOT_TO_BE_ASKED as error:
        found.append(_unasked(error))
    return tuple(found)


# ── the account ──────────────────────────────────────────────────────────────────────────────────────

_NOT_TO_BE_ASKED = (discord.LoginFailure, PlatformUnavailable, DeliveryRefused)


@asynccontextmanager
async def _logged_in(token: str) -> AsyncIterator[Client]:
    with translated():
        async with asyncio.timeout(WITHIN_S), Client(_NOBODY, reads_content=True) as client:
            await client.login(token)
            yield client


def _unasked(error: Exception) -> Finding:
    if isinstance(error, discord.LoginFailure):
        return Finding("fail", "discord", NOT_KNOWN)
    why = "cannot be reached" if isinstance(error, PlatformUnavailable) else "does not answer what it is asked"
    return Finding("fail", "discord", f"{why}: {_one_line(str(error))}")


def _application(client: Client) -> list[Finding]:
    application = client.application
    if application is None or client.user is None:
        return []
    owner = application.team.name if application.team is not None else application.owner.display_name
    told = f"DISCORD_TOKEN is the token of {_one_line(client.user.display_name)}, an application of {_one_line(owner)}"
    found = [Finding("ok", "discord", told)]
    if application.bot_require_code_grant:
        told = "Requires OAuth2 Code Grant is switched on: nobody can invite it; switch it off on the page Bot"
        found.append(Finding("fail", "discord invitation", told))
    if application.interactions_endpoint_url:
        told = (
            "an Interactions Endpoint URL is set, so slash commands go there and not here: clear it on the first page"
        )
        found.append(Finding("fail", "discord interactions", told))
    flags = application.flags
    if flags.gateway_message_content or flags.gateway_message_content_limited:
        found.append(Finding("ok", "discord intent", "Message Content is switched on"))
    else:
        found.append(Finding("warn", "discord intent", NO_CONTENT))
    return found


# ── servers ──────────────────────────────────────────────────────────────────────────────────────────


async def _permissions(client: Client) -> Finding:
    """What each server grants as a whole: a channel may take some of it away, often on purpose."""
    about, invite = "discord permissions", invitation(client.application_id or 0)
    number, cannot_answer = 0, 0
    lacking: list[str] = []
    async for guild in _guilds(client):
        number += 1
        missing = missing_in(discord.Permissions(int(guild["permissions"]))) if not guild["owner"] else ()
        cannot_answer += any(name in TO_ANSWER for name in missing)
        if missing:
            lacking.append(f"{_one_line(guild['name'])} lacks {', '.join(map(shown, missing))}")
    if not number:
        return Finding("warn", about, f"it is in no server yet; invite it: {invite}")
    if not lacking:
        servers = "1 server grants" if number == 1 else f"{number} servers grant"
        told = f"{servers} all that it needs: {', '.join(map(shown, USED_FOR))} (single channels are not looked at)"
        return Finding("ok", about, told)
    more = f"; and {len(lacking) - MOST_NAMED} more" if len(lacking) > MOST_NAMED else ""
    verdict: Verdict = "fail" if cannot_answer == number else "warn"
    told = f"{'; '.join(lacking[:MOST_NAMED])}{more}. Give its role there what is missing, or invite it again: {invite}"
    return Finding(verdict, about, told)


async def _guilds(client: Client) -> AsyncIterator[Any]:
    after: str | None = None
    while True:
        page = await client.http.get_guilds(GUILDS_A_PAGE, after=after, with_counts=False)
        for guild in page:
            yield guild
        if len(page) < GUILDS_A_PAGE:
            return
        after = str(page[-1]["id"])


# ── commands ─────────────────────────────────────────────────────────────────────────────────────────


async def _commands(client: Client, commands: Sequence[CommandSpec]) -> Finding:
    others = await SlashCommands(client, Intake(_never, _never, commands=tuple(commands))).unsynced()
    if others:
        told = f"Discord does not know them as they are now ({', '.join(others)}): `python -m bot run` tells it"
        return Finding("warn", "discord commands", told)
    return Finding("ok", "discord commands", "Discord knows the slash commands as they are")


async def _never(*given: object) -> Any:
    raise AssertionError("a client that only asks is told nothing")


_NOBODY = Listener(lambda: None, _never, _never, _never, _never)


def _one_line(text: str) -> str:
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())
