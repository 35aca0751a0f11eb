"""Socket Mode: Slack tells what happens by a websocket that we open, so nobody need reach us from outside.

https://docs.slack.dev/apis/events-api/using-socket-mode/
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_sdk.web.async_client import AsyncWebClient

from adapters.ports.errors import PlatformUnavailable, ServiceMissing
from adapters.slack.app import App
from adapters.slack.web import new_connection

logger = logging.getLogger(__name__)

PING_S = 5.0
"""So often the connection is looked at; one that says nothing for four times as long is opened anew."""

CONNECTED_WITHIN_S = 30.0
"""The library goes on trying at an address that serves once; after this long everything is begun anew."""


class SocketMode:
    """One connection after the other, for as long as the app is served.

    Args:
        client: the Web API.
        app_token: opens connections.
        app: is told.
        connected: is called each time that the connection stands.
        ping_s: see `PING_S`.
    """

    def __init__(
        self, client: AsyncWebClient, app_token: str, app: App, connected: Callable[[], None], ping_s: float = PING_S
    ) -> None:
        self._app_token = app_token
        self._web = client
        self._app = app
        self._connected = connected
        self._ping_s = ping_s
        self._socket: Any = None
        self._greeted: object = None
        self._greeting = asyncio.Event()
        self._end: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def is_connected(self) -> bool:
        """Whether events reach us."""
        socket = self._socket
        if socket is None or socket.closed or socket.stale or socket.current_session is None:
            return False
        return not socket.current_session.closed and self._greeted is socket.current_session

    def end(self, error: Exception) -> None:
        """Serve no longer, for that reason."""
        if not self._end.done():
            self._end.set_exception(error)

    async def serve(self) -> None:
        """Be connected until that ends.

        Raises:
            ServiceMissing: Slack does not know the token.
            PlatformUnavailable: Slack cannot be reached.
        """
        first_address = await new_connection(self._web, self._app_token)
        handler = AsyncSocketModeHandler(
            self._app,
            self._app_token,
            logging.getLogger("slack_sdk.socket_mode"),
            self._web,
            ping_interval=self._ping_s,
        )
        socket: Any = handler.client
        self._socket = socket
        socket.wss_uri = first_address
        socket.message_listeners.append(self._on_frame)
        socket.issue_new_wss_url = self._next_address
        watching = asyncio.create_task(self._watch(), name="slack connection")
        connecting = asyncio.create_task(socket.connect(), name="slack connecting")
        try:
            await asyncio.wait((watching, self._end), return_when=asyncio.FIRST_COMPLETED)
            for ended in (self._end, watching):
                if ended.done():
                    ended.result()
        finally:
            watching.cancel()
            connecting.cancel()
            await self._close(socket)
            await asyncio.wait((watching, connecting))
            if self._end.done():
                self._end.exception()  # it may have come while something else ended it

    async def _watch(self) -> None:
        """End it if it does not come to stand, or does not again."""
        while True:
            if not self.is_connected:
                self._greeting.clear()
                try:
                    async with asyncio.timeout(CONNECTED_WITHIN_S):
                        await self._greeting.wait()
                except TimeoutError:
                    raise PlatformUnavailable("no connection to Slack comes about", may_be_posted=False) from None
            await asyncio.sleep(self._ping_s)

    async def _on_frame(self, client: object, frame: Any, raw: str | None = None) -> None:
        if isinstance(frame, dict) and frame.get("type") == "hello":
            self._greeted = self._socket.current_session
            self._greeting.set()
            self._connected()

    async def _next_address(self) -> str:
        try:
            return await new_connection(self._web, self._app_token)
        except ServiceMissing as missing:
            self.end(missing)
            raise

    async def _close(self, socket: Any) -> None:
        """The library cancels its tasks and does not wait for them."""
        tasks = [socket.message_processor, socket.current_session_monitor, socket.message_receiver]
        await socket.close()
        if running := [task for task in tasks if task is not None]:
            await asyncio.wait(running)
