"""Models by name, a look at a port, counting tokens."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.models.known_models import known_window_of, sees_images
from adapters.models.reachable import check_reachable
from adapters.models.token_counter import BpeTokenCounter
from adapters.ports.errors import ServiceMissing

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
TcpServer = Callable[[Serve], AbstractAsyncContextManager[int]]

# ── known models ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("model", "window"),
    [
        ("gpt-4o", 128_000),
        ("gpt-4o-mini-2024-07-18", 128_000),
        ("gpt-4", 8_192),
        ("gpt-4-0613", 8_192),
        ("gpt-4-32k-0613", 32_768),
        ("gpt-4-turbo-2024-04-09", 128_000),
        ("gpt-4.1-mini", 1_047_576),
        ("o1-mini", 128_000),
        ("o1", 200_000),
        ("openai/gpt-4o", 128_000),
        ("openrouter/openai/GPT-4o", 128_000),
        ("anthropic/claude-sonnet-4", 200_000),
        ("llama3.2:3b", None),
        ("my-gpt-4o", None),
        ("", None),
        ("/", None),
    ],
)
def test_the_longest_known_beginning_of_a_name_gives_the_window(model: str, window: int | None) -> None:
    assert known_window_of(model) == window


@pytest.mark.parametrize(
    ("model", "sees"),
    [
        ("gpt-4o-mini", True),
        ("openai/gpt-4o", True),
        ("chatgpt-4o-latest", True),
        ("gpt-4-turbo-2024-04-09", True),
        ("gpt-4.1-nano", True),
        ("gpt-5", True),
        ("o1", True),
        ("o3", True),
        ("o4-mini", True),
        ("anthropic/claude-sonnet-4", True),
        ("claude-3-haiku-20240307", True),
        ("gemini-2.0-flash", True),
        ("llava:13b", True),
        ("llama3.2-vision", True),
        ("qwen2.5vl:7b", True),
        ("Qwen/Qwen2.5-VL-7B-Instruct", True),
        ("gemma3:4b", True),
        ("google/gemma-3-27b-it", True),
        ("mistralai/pixtral-12b", True),
        ("gpt-4", False),
        ("gpt-4-turbo-preview", False),
        ("gpt-4o-audio-preview", False),
        ("gpt-3.5-turbo", False),
        ("o1-mini", False),
        ("o3-mini", False),
        ("claude-2.1", False),
        ("gemma3:1b", False),
        ("llama3.2:3b", False),
        ("qwen3:8b", False),
        ("supervision-7b", False),
        ("", False),
    ],
)
def test_whether_a_model_sees_is_known_by_its_name(model: str, sees: bool) -> None:
    assert sees_images(model) is sees


# ── reachable ────────────────────────────────────────────────────────────────────────────────────────


async def missing(url: str) -> str:
    with pytest.raises(ServiceMissing) as raised:
        await check_reachable("gpt-test", url)
    (line,) = str(raised.value).splitlines()
    assert "OPENAI_BASE_URL" in line
    return line


async def test_an_open_port_is_fine(tcp_server: TcpServer) -> None:
    connected = asyncio.Event()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.read() == b""
        connected.set()

    async with tcp_server(accept) as port:
        await check_reachable("gpt-test", f"http://127.0.0.1:{port}/v1")
        await connected.wait()


async def test_a_port_where_nobody_listens_is_one_clear_line(unused_tcp_port: int) -> None:
    line = await missing(f"http://user:secret@127.0.0.1:{unused_tcp_port}/v1?key=secret")
    assert f"http://127.0.0.1:{unused_tcp_port} (Connection refused)" in line
    assert "secret" not in line


async def test_a_name_with_several_addresses_is_told_as_briefly(unused_tcp_port: int) -> None:
    assert len(await missing(f"http://localhost:{unused_tcp_port}/v1")) < 160


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:port/v1",
        "http://127.0.0.1:99999/v1",
        "http://a..b/v1",
        f"http://{'a' * 70}/v1",
        "http://[::1/v1",
    ],
)
async def test_an_address_that_cannot_be_one_is_one_clear_line(url: str) -> None:
    assert "no URL" in await missing(url)


async def test_behind_a_proxy_nothing_is_looked_at(monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    await check_reachable("gpt-test", f"http://127.0.0.1:{unused_tcp_port}/v1")


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        (
            "SSL_CERT_FILE",
            "/nowhere/certificates.pem",
            "SSL_CERT_FILE=/nowhere/certificates.pem cannot be read (No such",
        ),
        ("SSL_CERT_FILE", __file__, f"SSL_CERT_FILE={__file__} holds no certificates"),
        ("ALL_PROXY", "socks5://user:secret@127.0.0.1:9", "ALL_PROXY is a socks5 proxy, which is not supported"),
        ("HTTP_PROXY", "socks4://127.0.0.1:9", "HTTP_PROXY is a socks4 proxy, which is not supported"),
    ],
)
async def test_an_environment_that_lets_no_call_out_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ServiceMissing) as raised:
        await check_reachable("gpt-test", "http://127.0.0.1:9/v1")
    (said,) = str(raised.value).splitlines()
    assert told in said
    assert "secret" not in said


async def test_a_socks_proxy_for_other_servers_is_not_in_the_way(
    monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    assert "nothing answers" in await missing(f"http://127.0.0.1:{unused_tcp_port}/v1")


async def test_a_server_that_takes_no_connections_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.models.reachable.CONNECT_TIMEOUT_S", 0.2)
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for client in waiting:  # the queue of a server that accepts nobody
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
        assert "no answer" in await missing(f"http://127.0.0.1:{port}/v1")
        for client in waiting:
            client.close()


# ── token counter ────────────────────────────────────────────────────────────────────────────────────


BPE = BpeTokenCounter()


@pytest.mark.parametrize(
    ("text", "count"),
    [  # from https://cookbook.openai.com/examples/how_to_count_tokens_with_tiktoken, cl100k_base
        ("", 0),
        ("tiktoken is great!", 6),
        ("antidisestablishmentarianism", 6),
        ("2 + 2 = 4", 7),
        ("お誕生日おめでとう", 9),
        ("<|endoftext|>", 7),  # one, if it were taken for the special token
    ],
)
def test_tokens_are_counted_as_openai_counts_them(text: str, count: int) -> None:
    assert BPE.count(text) == count


any_text = st.text() | st.lists(
    st.sampled_from(["<|endoftext|>", "<|im_start|>", "\r\n", "  ", "été", "👩‍👧", "a1"])
).map("".join)


@given(any_text)
@settings(deadline=None)
def test_any_text_has_a_count_between_one_and_its_bytes(text: str) -> None:
    count = BPE.count(text)
    assert bool(text) <= count <= len(text.encode())
    assert BPE.count(text) == count


@given(st.lists(st.text(st.characters(categories=["Ll", "Lu"]), min_size=1), min_size=1))
@settings(deadline=None)
def test_words_on_lines_of_their_own_count_as_their_sum(words: list[str]) -> None:
    # cl100k_base cuts a text before and after a newline that stands between letters, and never merges over a cut.
    assert BPE.count("\n".join(words)) == sum(BPE.count(word) for word in words) + BPE.count("\n") * (len(words) - 1)


@pytest.mark.parametrize("piece", ["word ", "a", " ", "\n", "長", "ab1!", "<|endoftext|>"])
def test_two_megabytes_are_counted(piece: str) -> None:
    text = piece * (2_000_000 // len(piece.encode()))
    assert 0 < BPE.count(text) <= 2_000_000
