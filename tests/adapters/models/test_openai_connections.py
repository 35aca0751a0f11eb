"""Connections that break, hang, are shared, go by a proxy or reach nobody; what they cost, and what is kept of them."""

import asyncio
import logging
import re
import time

import pytest

from adapters.ports.errors import (
    ModelUnavailable,
)
from adapters.ports.model import ChatMessage
from adapters.testing import Reply, ScriptedServer, answer, fails
from tests.adapters.models.real_sdk import (
    HI,
    KEY,
    SOON,
    Serve,
    TcpServer,
    assert_fit_for_a_person,
    model_at,
    refusal,
    scripted,
)


async def take_request(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    (length,) = re.findall(rb"content-length: (\d+)", head.lower())
    await reader.readexactly(int(length))


async def test_a_server_that_is_not_there_is_a_model_that_is_unavailable(unused_tcp_port: int) -> None:
    async with model_at(f"http://127.0.0.1:{unused_tcp_port}/v1") as model:
        error = await refusal(model)
    assert isinstance(error, ModelUnavailable)
    assert_fit_for_a_person(error)
    assert "cannot reach" in str(error)


async def _reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await take_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{")
    await writer.drain()
    writer.transport.abort()


async def _truncate(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await take_request(reader)
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{"choices"')


async def _babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await take_request(reader)
    writer.write(b"SSH-2.0-OpenSSH_9.9\r\n")


@pytest.mark.parametrize("serve", [_reset, _truncate, _babble])
async def test_a_connection_that_breaks_is_a_model_that_is_unavailable(tcp_server: TcpServer, serve: Serve) -> None:
    async with tcp_server(serve) as port, model_at(f"http://127.0.0.1:{port}/v1") as model:
        error = await refusal(model)
    assert isinstance(error, ModelUnavailable)
    assert_fit_for_a_person(error)


async def test_a_connection_that_broke_is_made_anew(tcp_server: TcpServer) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(1)
        if len(served) == 1:
            return await _reset(reader, writer)
        await take_request(reader)
        body = b'{"choices": [{"message": {"content": "Here"}}]}'
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        return None

    served: list[int] = []
    async with tcp_server(serve) as port, model_at(f"http://127.0.0.1:{port}/v1") as model:
        assert (await model.complete(HI)).text == "Here"
    assert len(served) == 2


async def test_a_server_that_hangs_is_given_up_in_time() -> None:
    async with (
        ScriptedServer(lambda request: Reply(hangs=True)) as server,
        model_at(server.url, timeout_s=0.3) as model,
    ):
        await model.warm_up()
        begun = time.monotonic()
        error = await refusal(model)
        assert time.monotonic() - begun < 2
    assert isinstance(error, ModelUnavailable)
    assert_fit_for_a_person(error)
    assert "too long" in str(error)


async def test_retries_do_not_outlast_the_time_out() -> None:
    server = ScriptedServer(lambda request: fails(503, retry_after="1.5"))
    async with server, model_at(server.url, timeout_s=0.3) as model:
        await model.warm_up()
        begun = time.monotonic()
        assert "too long" in str(await refusal(model))
        assert time.monotonic() - begun < 2


async def test_a_cancelled_call_leaves_the_model_usable() -> None:
    arrived = asyncio.Event()

    def reply(request: dict[str, object]) -> Reply:
        if arrived.is_set():
            return answer("Here")
        arrived.set()
        return Reply(hangs=True)

    async with ScriptedServer(reply) as server, model_at(server.url) as model:
        call = asyncio.create_task(model.complete(HI))
        await arrived.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert (await model.complete(HI)).text == "Here"


async def test_calls_at_the_same_time_share_one_client() -> None:
    async with ScriptedServer(lambda request: answer(request["messages"][0]["content"])) as server:
        async with model_at(server.url) as model:
            prompts = [[ChatMessage("user", str(number))] for number in range(20)]
            answers = await asyncio.gather(model.warm_up(), *(model.complete(prompt) for prompt in prompts))
    assert [read.text for read in answers[1:] if read] == [str(number) for number in range(20)]


async def test_the_key_stands_in_no_log_line(caplog: pytest.LogCaptureFixture) -> None:
    for package in ("bot", "adapters", "memory", "config"):
        caplog.set_level(logging.DEBUG, logger=package)
    async with scripted(fails(500, KEY, **SOON), answer("ok"), fails(401, f"bad key {KEY}")) as (_, model):
        await model.complete(HI)
        error = await refusal(model)
        logging.getLogger("bot.inbound.receive").warning("no answer from the model: %s", error.detail)
    assert KEY not in caplog.text


async def test_closing_before_the_first_call_and_twice_is_well() -> None:
    async with ScriptedServer([answer("ok")]) as server, model_at(server.url) as model:
        await model.close()
        await model.complete(HI)
        await model.close()


@pytest.mark.parametrize(("is_there", "is_billed"), [(False, False), (True, True)])
async def test_a_call_that_reached_nobody_is_not_billed_and_one_that_was_cut_off_is(
    unused_tcp_port: int, is_there: bool, is_billed: bool
) -> None:
    async def cuts_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    server = await asyncio.start_server(cuts_off, "127.0.0.1", unused_tcp_port) if is_there else None
    async with model_at(f"http://127.0.0.1:{unused_tcp_port}/v1") as model:
        with pytest.raises(ModelUnavailable) as failed:
            await model.complete(HI)
    assert failed.value.is_billed is is_billed
    if server is not None:
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize(
    "named",
    [
        pytest.param({"SSL_CERT_FILE": "/nowhere/certificates.pem"}, id="SSL_CERT_FILE"),
        pytest.param({"ALL_PROXY": "socks5://user:secret@127.0.0.1:9"}, id="ALL_PROXY"),
        pytest.param({"HTTP_PROXY": "socks4://127.0.0.1:9"}, id="HTTP_PROXY"),
        pytest.param({"HTTP_PROXY": "http://proxy:port"}, id="Invalid port"),
    ],
)
async def test_an_environment_that_lets_no_call_out_is_named(
    named: dict[str, str], monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    for name, value in named.items():
        monkeypatch.setenv(name, value)
    async with scripted(answer("ok")) as (server, model):
        error = await refusal(model)
        assert isinstance(error, ModelUnavailable)
        assert_fit_for_a_person(error)
        assert request.node.callspec.id in error.detail
        assert "secret" not in error.detail
        assert not error.is_billed
        assert server.requests == []
        monkeypatch.delenv(next(iter(named)))
        assert (await model.complete(HI)).text == "ok"


async def test_no_key_is_sent_to_a_socks_proxy_though_the_url_seems_to_need_none(
    tcp_server: TcpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that is asked whether a proxy is in between, and the one that goes there, may be of two minds."""
    heard: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(1))

    monkeypatch.setattr("adapters.models.openai_model.fault_of_way_out", lambda url: None)
    async with tcp_server(proxy) as port, model_at("http://model.example/v1") as model:
        monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{port}")
        error = await refusal(model)
    assert "socks5 proxy is not supported" in error.detail
    assert not error.is_billed
    assert heard == []


async def test_a_proxy_that_lets_nobody_through_is_not_paid_for(
    tcp_server: TcpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

    async with tcp_server(proxy) as port, model_at("https://model.example/v1") as model:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        error = await refusal(model)
    assert "407" in error.detail
    assert not error.is_billed


@pytest.mark.parametrize("url", ["http://127.0.0.1:99999/v1", "127.0.0.1:8000/v1"])
async def test_an_address_that_is_none_costs_nothing(url: str) -> None:
    async with model_at(url) as model:
        error = await refusal(model)
    assert isinstance(error, ModelUnavailable)
    assert not error.is_billed


@pytest.mark.parametrize("cookie", ["lb=café; Path=/", "lb=one; Path=/"])
async def test_a_servers_cookies_are_not_kept(cookie: str) -> None:
    odd = answer("First")
    async with scripted(Reply(odd.status, odd.body, {"Set-Cookie": cookie}), answer("Second")) as (server, model):
        assert (await model.complete(HI)).text == "First"
        assert (await model.complete(HI)).text == "Second"
        assert server.cookies is None
