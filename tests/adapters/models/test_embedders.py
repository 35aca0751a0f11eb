"""The packaged embedder with its real weights; the other one through the real SDK."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.models.embedders import OpenAIEmbedder, WordLlamaEmbedder, embedder_is_packaged
from adapters.testing import ScriptedServer

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
TcpServer = Callable[[Serve], AbstractAsyncContextManager[int]]

KEY = "sk-test-0123456789"
PACKAGED = WordLlamaEmbedder()


def likeness(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


@asynccontextmanager
async def embedder_at(url: str, *, timeout_s: float = 30) -> AsyncIterator[OpenAIEmbedder]:
    embedder = OpenAIEmbedder("embed-test", api_key=KEY, base_url=url, timeout_s=timeout_s)
    try:
        yield embedder
    finally:
        await embedder.close()


async def no_answer(embedder: OpenAIEmbedder, *texts: str) -> str:
    with pytest.raises(ConnectionError) as raised:
        await embedder.embed(texts or ["a"])
    assert KEY not in str(raised.value)
    return str(raised.value)


def test_the_packaged_embedder_is_installed() -> None:
    embedder_is_packaged()


@given(st.lists(st.text(), max_size=4))
@settings(deadline=None, max_examples=50)
def test_every_text_gets_a_vector_of_unit_length_the_same_each_time(texts: list[str]) -> None:
    vectors = asyncio.run(PACKAGED.embed(texts))
    assert len(vectors) == len(texts)
    for vector in vectors:
        assert len(vector) == 256
        assert likeness(vector, vector) == pytest.approx(1, abs=1e-5)
    assert asyncio.run(PACKAGED.embed(texts)) == vectors


async def test_a_text_has_the_same_vector_alone_and_among_others() -> None:
    texts = ["", "A dog", "The rent is due " * 30]
    together = await PACKAGED.embed(texts)
    assert [(await PACKAGED.embed([text]))[0] for text in texts] == together


@pytest.mark.parametrize(
    ("text", "near", "far"),
    [
        ("What is my dog called?", "Biscuit is a puppy", "The rent is due on Monday"),
        ("doctor", "an appointment at the clinic", "a bicycle with a flat tyre"),
        ("food I cannot eat", "allergic to peanuts", "lives in Lisbon"),
    ],
)
async def test_like_is_nearer_than_unlike(text: str, near: str, far: str) -> None:
    asked, like, unlike = await PACKAGED.embed([text, near, far])
    assert likeness(asked, like) > likeness(asked, unlike)


@pytest.mark.parametrize("piece", ["word ", "a", "長", "\n", "👩‍👧"])
async def test_two_megabytes_get_a_vector(piece: str) -> None:
    (vector,) = await PACKAGED.embed([piece * (2_000_000 // len(piece.encode()))])
    assert likeness(vector, vector) == pytest.approx(1, abs=1e-5)


async def test_many_callers_at_once_get_what_one_would() -> None:
    fresh = WordLlamaEmbedder()
    vectors = await asyncio.gather(*(fresh.embed(["A dog"]) for _ in range(8)))
    assert all(vector == vectors[0] for vector in vectors)
    await fresh.close()


async def test_vectors_from_a_server_come_in_order_and_at_unit_length() -> None:
    async with ScriptedServer() as server, embedder_at(server.url) as embedder:
        vectors = await embedder.embed(["aaa", "bb", "aaab", ""])
        assert await embedder.embed([]) == []
    assert [vector.index(max(vector)) for vector in vectors[:3]] == [0, 1, 0]
    assert [likeness(vector, vector) for vector in vectors] == pytest.approx([1, 1, 1, 0])


async def test_the_name_tells_servers_and_models_apart() -> None:
    one = OpenAIEmbedder("m", api_key=None, base_url=None, timeout_s=1)
    other = OpenAIEmbedder("m", api_key=None, base_url="http://127.0.0.1:1/v1", timeout_s=1)
    assert len({one.name, other.name, PACKAGED.name}) == 3
    await one.close()


async def test_a_server_that_is_down_is_a_connection_error(unused_tcp_port: int) -> None:
    async with embedder_at(f"http://127.0.0.1:{unused_tcp_port}/v1") as embedder:
        assert "embed-test" in await no_answer(embedder)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(401, f'{{"error": {{"message": "bad key {KEY}"}}}}', id="refused"),
        pytest.param(404, '{"error": {"message": "no such model"}}', id="unknown"),
        pytest.param(200, "<html>", id="HTML"),
        pytest.param(200, "[]", id="a list"),
        pytest.param(200, "{}", id="empty"),
        pytest.param(200, '{"data": []}', id="no data"),
        pytest.param(200, '{"data": [{"index": 0}]}', id="no vector"),
        pytest.param(200, '{"data": [{"index": 0, "embedding": ["x"]}]}', id="no numbers"),
        pytest.param(200, '{"data": [{"embedding": [1.0]}, {"embedding": [1.0]}]}', id="too many"),
        pytest.param(200, '{"data": [{"index": 0, "embedding": []}]}', id="no length"),
        pytest.param(200, '{"data": [{"index": 0, "embedding": [NaN, 1.0]}]}', id="not a number"),
        pytest.param(200, '{"data": [{"index": 0, "embedding": [1e999, 1.0]}]}', id="infinite"),
    ],
)
async def test_an_answer_without_vectors_is_a_connection_error(tcp_server: TcpServer, status: int, body: str) -> None:
    async with answering(tcp_server, status, body) as port, embedder_at(f"http://127.0.0.1:{port}/v1") as embedder:
        assert "embed-test" in await no_answer(embedder)


async def test_vectors_of_different_lengths_are_a_connection_error(tcp_server: TcpServer) -> None:
    body = '{"data": [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [1.0, 2.0]}]}'
    async with answering(tcp_server, 200, body) as port, embedder_at(f"http://127.0.0.1:{port}/v1") as embedder:
        assert "of different ones" in await no_answer(embedder, "a", "b")


def answering(tcp_server: TcpServer, status: int, body: str) -> AbstractAsyncContextManager[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        writer.write(f"{head}Connection: close\r\n\r\n{body}".encode())
        await reader.read()  # until the client has closed

    return tcp_server(serve)


async def test_a_server_that_hangs_is_given_up_in_time(tcp_server: TcpServer) -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with tcp_server(hang) as port, embedder_at(f"http://127.0.0.1:{port}/v1", timeout_s=0.3) as embedder:
        assert "0.3 s" in await no_answer(embedder)
