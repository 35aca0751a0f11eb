"""However a conversation ends, it ends at once and quietly, and what was said is kept."""

import asyncio
import json
import signal
import sys

import pytest

from adapters.testing import Reply, Request, says
from tests.terminal.started import LIMIT_S, ROOT, CommandLine, echo, scripted


async def test_exit_with_more_lines_waiting_is_quiet(command_line: CommandLine) -> None:
    async with scripted(command_line, echo):
        code, out, err = await command_line.run("chat", typed="one\n/exit\ntwo\nthree\nfour\n")
    assert (code, len(out)) == (0, 1)
    assert not any("Exception" in line for line in err)


async def test_a_reader_that_leaves_ends_the_conversation(command_line: CommandLine) -> None:
    async with scripted(command_line, echo) as server:
        process = await command_line.start("chat")
        assert process.stdin is not None
        assert process.stderr is not None
        process._transport.get_pipe_transport(1).close()  # type: ignore[attr-defined]
        process.stdin.write(b"one\ntwo\nthree\nfour\n")
        process.stdin.close()
        async with asyncio.timeout(LIMIT_S):
            err = await process.stderr.read()
            assert await process.wait() == 0
        assert len(server.requests) == 1
    assert b"Traceback" not in err
    assert b"Exception" not in err


@pytest.mark.parametrize("closed", ["<&-", ">&-", "<&- >&-"])
async def test_closed_streams_end_it_at_once(command_line: CommandLine, closed: str) -> None:
    async with scripted(command_line, echo):
        process = await asyncio.create_subprocess_exec(
            *("sh", "-c", f'echo Hi | exec "$0" -m bot chat --plain {closed}', sys.executable),
            cwd=ROOT,
            env=command_line.settings,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(LIMIT_S):
            _, err = await process.communicate()
    assert process.returncode == 0
    assert b"Traceback" not in err, err.decode()


@pytest.mark.parametrize("moment", ["idle", "busy"])
async def test_an_interrupt_ends_it_at_once_without_a_traceback(command_line: CommandLine, moment: str) -> None:
    arrived = asyncio.Event()

    def reply(request: Request) -> Reply:
        if "wait" in request["messages"][-1]["content"]:
            arrived.set()
            return Reply(hangs=True)
        return says("ok")

    async with scripted(command_line, reply):
        process = await command_line.start("chat")
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(b"Hi\n")
        async with asyncio.timeout(LIMIT_S):
            assert await process.stdout.readline() == b"ok\n"
            if moment == "busy":
                process.stdin.write(b"wait\n")
                await arrived.wait()
            process.send_signal(signal.SIGINT)
            err = await process.stderr.read()  # stdin stays open: it must not wait for it
            assert await process.wait() == 130, err
        process.stdin.close()
    assert b"Traceback" not in err
    assert b"Fatal" not in err


async def test_what_was_said_before_a_kill_is_kept_and_the_message_in_flight_is_answered(
    command_line: CommandLine,
) -> None:
    arrived = asyncio.Event()

    def reply(request: Request) -> Reply:
        in_flight = json.loads(request["messages"][-1]["content"])["message"] == "In flight"
        if in_flight and not arrived.is_set():
            arrived.set()
            return Reply(hangs=True)
        return echo(request)

    async with scripted(command_line, reply) as server:
        process = await command_line.start("chat")
        assert process.stdin is not None
        process.stdin.write(b"Earlier\nIn flight\n")
        async with asyncio.timeout(LIMIT_S):
            await arrived.wait()
            process.kill()
            await process.communicate()
        code, out, _ = await command_line.run("chat", typed="Later\n/agent search flight\n")
        prompt = json.dumps(server.requests[-1]["messages"])
    assert code == 0
    assert out[:2] == [r"You said: In flight\nindeed", r"You said: Later\nindeed"]
    assert "In flight" in out[2]
    assert prompt.index("Earlier") < prompt.index("In flight") < prompt.index("Later")
