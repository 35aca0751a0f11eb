"""The platform that other tests build on keeps the promises of `ChatPlatform`, and its server those of a platform."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import suppress

import pytest

from adapters.ports.commands import CommandCall, CommandReply
from adapters.ports.errors import CannotTell, DeliveryRefused, PlatformUnavailable, ServiceMissing
from adapters.ports.intake import Intake
from adapters.ports.messages import Address, InboundMessage
from tests.platforms.socket_platform import SocketPlatform, SocketServer

ADA = Address("socket", "ada")


class Bot:
    """Takes in what comes, as soon as it may."""

    def __init__(self) -> None:
        self.connections: list[str] = []
        self.heard: list[InboundMessage] = []
        self.may_take = asyncio.Event()
        self.may_take.set()

    async def receive(self, message: InboundMessage) -> Awaitable[None]:
        await self.may_take.wait()
        self.heard.append(message)
        done = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    async def command(self, call: CommandCall) -> CommandReply:
        return CommandReply(f"{call.origin.person.id} typed {call.line}")


@pytest.fixture
async def server() -> AsyncIterator[SocketServer]:
    async with SocketServer() as server:
        yield server


class Line:
    """A platform that is being run."""

    def __init__(self, server: SocketServer, bot: Bot) -> None:
        self.platform = SocketPlatform(server.port)
        self.running = asyncio.create_task(
            self.platform.run(Intake(bot.receive, bot.command, connected=bot.connections.append))
        )

    async def end(self) -> BaseException | None:
        self.running.cancel()
        await asyncio.wait([self.running])
        return None if self.running.cancelled() else self.running.exception()


async def test_an_event_is_told_until_it_is_kept(server: SocketServer) -> None:
    bot = Bot()
    bot.may_take.clear()
    told = server.say("Hello")
    first = Line(server, bot)
    await server.connected()
    await first.end()
    assert (bot.heard, server.acknowledged) == ([], [])
    bot.may_take.set()
    second = Line(server, bot)
    await server.has_acknowledged(told)
    assert [(message.event_id, message.text, message.origin.address) for message in bot.heard] == [(told, "Hello", ADA)]
    server.say("Hello", event_id=told)
    await server.until(lambda: len(server.acknowledged) == 2)
    await second.end()
    assert len(bot.heard) == 2


async def test_a_reply_is_seen_once_for_each_key_and_can_be_found(server: SocketServer) -> None:
    line = Line(server, Bot())
    await server.connected()
    sent = await line.platform.send(ADA, "Hi", "k1")
    assert await line.platform.send(ADA, "Hi", "k1") == sent
    assert await line.platform.find_sent(ADA, "k1") == sent
    assert await line.platform.find_sent(ADA, "k2") is None
    assert server.seen == {"ada": ["Hi"]}
    server.remembers_keys = server.has_history = False
    await line.platform.send(ADA, "Hi", "k1")
    assert server.seen == {"ada": ["Hi", "Hi"]}
    with pytest.raises(CannotTell):
        await line.platform.find_sent(ADA, "k1")
    await line.end()


async def test_faults_come_as_the_port_names_them(server: SocketServer) -> None:
    line = Line(server, Bot())
    await server.connected()
    server.faults.extend(["unavailable", "refused", "lost"])
    with pytest.raises(PlatformUnavailable):
        await line.platform.send(ADA, "one", "k1")
    with pytest.raises(DeliveryRefused):
        await line.platform.send(ADA, "two", "k2")
    with pytest.raises(PlatformUnavailable):
        await line.platform.send(ADA, "three", "k3")
    assert server.seen == {"ada": ["three"]}
    with suppress(asyncio.CancelledError):
        await asyncio.wait([line.running])
    assert isinstance(line.running.exception(), PlatformUnavailable)
    with pytest.raises(PlatformUnavailable):
        await line.platform.send(ADA, "four", "k4")


async def test_each_new_connection_is_told(server: SocketServer) -> None:
    bot = Bot()
    for number in (1, 2):
        line = Line(server, bot)
        await server.connected()
        await line.platform.send(ADA, "Hi", "k1")  # an answer comes after the welcome
        assert line.platform.is_connected
        assert bot.connections == ["socket"] * number
        await line.end()
        assert not line.platform.is_connected


async def test_commands_are_answered(server: SocketServer) -> None:
    line = Line(server, Bot())
    await server.connected()
    number = server.command("status", channel="lounge")
    await server.until(lambda: number in server.replies)
    assert server.replies[number] == "ada typed status"
    await line.end()


async def test_a_bot_that_is_not_wanted_is_told_so(server: SocketServer) -> None:
    server.unwanted = "bad token"
    with pytest.raises(ServiceMissing, match="bad token"):
        await Line(server, Bot()).running
