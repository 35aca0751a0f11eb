"""Slack tells what happens by requests that it signs, to an address at which it can reach us.

https://docs.slack.dev/authentication/verifying-requests-from-slack/
"""

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.signature import SignatureVerifier

from adapters.ports.errors import ServiceMissing
from adapters.slack.manifest import PATH

logger = logging.getLogger(__name__)

MAX_BODY = 4 * 1024 * 1024
HOST = "0.0.0.0"  # those who serve this way want to be reached


@asynccontextmanager
async def signed_http(app: AsyncApp, signing_secret: str, port: int) -> AsyncIterator[int]:
    """Listen while inside; yields the port.

    Args:
        app: is told.
        signing_secret: proves that a request is Slack's.
        port: 0 takes a free one.

    Raises:
        ServiceMissing: there is no listening there.
    """
    verifier = SignatureVerifier(signing_secret)

    async def receive(request: web.Request) -> web.Response:
        try:
            body = (await request.read()).decode()
        except UnicodeDecodeError:
            return web.Response(status=400)
        if not _is_signed(verifier, body, request):
            return web.Response(status=401)
        try:
            told = AsyncBoltRequest(body=body, query=request.query_string, headers=dict(request.headers))
        except (ValueError, TypeError, AttributeError, RecursionError):  # it is signed, and makes no sense
            return web.Response(status=400)
        return await to_aiohttp_response(await app.async_dispatch(told))

    server = web.Application(client_max_size=MAX_BODY)
    server.router.add_post(PATH, receive)
    runner = web.AppRunner(server, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, HOST, port).start()
        except OSError as error:
            cause = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
            raise ServiceMissing(f"SLACK_PORT={port}: cannot listen there ({cause}).") from error
        logger.info("listening for Slack port=%d", runner.addresses[0][1])
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def _is_signed(verifier: SignatureVerifier, body: str, request: web.Request) -> bool:
    """Whether Slack sent it, and lately; the library breaks over headers that no client of Slack's would send."""
    timestamp = request.headers.get("X-Slack-Request-Timestamp", "")
    signature = request.headers.get("X-Slack-Signature", "")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 20 and signature.isascii()):
        return False
    return verifier.is_valid(body, timestamp, signature)
