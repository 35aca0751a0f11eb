"""A model server in a process of its own, so that what it costs is not counted: answers every call at once."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from adapters.testing import Reply, Request, ScriptedServer, answer

ROOT = Path(__file__).parents[1]

REPLY = "That sounds good. Tell me more about it, if you like, and I will keep it in mind for the next time."

KEEP = "Keep this in the archive"


def _reply(request: Request) -> Reply:
    asked = str(request["messages"][-1]["content"])
    if KEEP in asked:  # so that a run can make the bot open its archive
        note = {"content": "The house by the river has a green door.", "request_heartbeat": True}
        return answer(
            None,
            ("archival_memory_insert", note),
            ("archival_memory_search", {"query": "house"}),
            ("send_message", {"message": REPLY}),
        )
    # Servers say what a call took; where they do not, the bot counts for itself.
    prompt = sum(len(str(message)) for message in request["messages"]) // 4
    if "tools" not in request:
        return answer(REPLY, prompt_tokens=prompt, completion_tokens=40)
    says = ("send_message", {"message": REPLY})
    return answer("They tell me about their day.", says, prompt_tokens=prompt, completion_tokens=40)


async def _serve() -> None:
    async with ScriptedServer(_reply) as server:
        print(server.url, flush=True)
        server.requests = _Forgetful()
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


class _Forgetful(list[Request]):
    def append(self, _: Request) -> None:
        """Keep nothing: a long run must not grow."""


@asynccontextmanager
async def model_server() -> AsyncIterator[str]:
    """Its base URL, while it runs."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.model_server"),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.stdin.close()
        await process.wait()


if __name__ == "__main__":
    asyncio.run(_serve())
