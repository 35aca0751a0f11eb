"""Model servers on this machine: who answers on the usual ports, and which models it has."""

import asyncio
import json
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from http.client import HTTPException

TIMEOUT_S = 1.0
_MOST_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A server that speaks OpenAI's API, with the names of its models."""

    name: str
    url: str
    models: tuple[str, ...]


USUAL_PORTS = (("Ollama", 11434), ("LM Studio", 1234), ("llama.cpp", 8080))


async def local_servers(ports: Iterable[tuple[str, int]] = USUAL_PORTS) -> tuple[LocalServer, ...]:
    """Those of the servers that answer and have a model; ports at which something else answers are passed over.

    Source: https://platform.openai.com/docs/api-reference/models/list
    """
    found = await asyncio.gather(*(asyncio.to_thread(_look, name, port) for name, port in ports))
    return tuple(server for server in found if server is not None and server.models)


def _look(name: str, port: int) -> LocalServer | None:
    url = f"http://127.0.0.1:{port}/v1"
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy knows nothing of this machine
    try:
        with direct.open(f"{url}/models", timeout=TIMEOUT_S) as answer:
            listed = json.loads(answer.read(_MOST_BYTES))
        models = tuple(str(entry["id"]) for entry in listed["data"])
    except (OSError, HTTPException, ValueError, TypeError, KeyError):
        return None
    return LocalServer(name, url, models)
