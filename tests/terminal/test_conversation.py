"""A conversation by pipes: replies on stdout alone, memory over a restart, reminders when they are due."""

import asyncio
import json
import os
import sqlite3
import stat
from contextlib import closing

from adapters.testing import fails, says
from tests.terminal.started import LIMIT_S, CommandLine, echo, promises, scripted


async def test_with_nothing_configured_it_remembers_over_a_restart(command_line: CommandLine) -> None:
    code, out, err = await command_line.run(
        "chat", typed="My dog is called Biscuit.\n/agent remember I live in Porto\n"
    )
    assert code == 0
    assert len(out) == 2
    assert any("is new here" in line for line in err)
    code, out, err = await command_line.run("chat", typed="What is my dog called?\nWhere do I live?\n/memory\n")
    assert code == 0
    assert len(out) == 3
    assert "Biscuit" in out[0]
    assert "Porto" in out[1]
    assert "Biscuit" in out[2]
    assert "I live in Porto" in out[2]
    assert any("remembers you" in line for line in err)
    assert stat.S_IMODE(os.stat(command_line.data_dir).st_mode) == 0o700


async def test_what_has_been_over_for_long_is_forgotten_at_the_start(command_line: CommandLine) -> None:
    async with scripted(command_line, echo):
        await command_line.run("chat", typed="Hello\n")
        with closing(sqlite3.connect(command_line.data_dir / "bot.db")) as database, database:
            database.execute(
                "INSERT INTO inbox (platform, event_id, scope, state, kind, is_timed, origin, author, sent_at, "
                "received_at) VALUES ('console', 'old', 'console:dm:memgpt', 'done', 'user_message', 0, '{}', '', 0, 0)"
            )
        await command_line.run("chat", typed="Hello again\n")
    with closing(sqlite3.connect(command_line.data_dir / "bot.db")) as database:
        assert database.execute("SELECT count(*) FROM inbox WHERE event_id = 'old'").fetchone() == (0,)


async def test_stdout_holds_the_replies_one_a_line_and_nothing_else(command_line: CommandLine) -> None:
    async with scripted(command_line, echo):
        code, out, _ = await command_line.run(
            "chat", "--plain", "--debug", typed="größe 👋\n\ntwo\r\nthree", LC_ALL="C"
        )
    assert code == 0
    assert out == [rf"You said: {text}\nindeed" for text in ("größe 👋", "two", "three")]


async def test_agents_of_different_names_know_nothing_of_each_other(command_line: CommandLine) -> None:
    async with scripted(command_line, [says("ok"), says("ok")]) as server:
        await command_line.run("chat", "--agent", "one", typed="The word is xylophone\n")
        await command_line.run("chat", "--agent", "two", typed="Hi\n")
        assert "xylophone" not in json.dumps(server.requests[1])


async def test_an_outage_is_told_beside_the_replies_and_the_conversation_goes_on(command_line: CommandLine) -> None:
    key = "sk-test-0123456789"
    async with scripted(command_line, [fails(401, f"bad key {key}"), says("Here again.")]) as server:
        code, out, err = await command_line.run("chat", typed="Hello?\nAnd now?\n", OPENAI_API_KEY=key)
        assert "Hello?" in json.dumps(server.requests[1]["messages"])
    assert (code, out) == (0, ["Here again."])
    assert any("OPENAI_API_KEY" in line for line in err)
    assert key not in "".join(err)


async def test_the_terminals_commands_work_in_a_pipe(command_line: CommandLine) -> None:
    typed = "one|/save first|two|/pop|/retry|/restore first|/dump|three|/summarize|/heartbeat|/memorywarning|"
    async with scripted(command_line, lambda request: says(f"to {len(request['messages'])}")):
        code, out, _ = await command_line.run("chat", "--yes", typed=typed.replace("|", "\n"))
    assert code == 0
    assert out[:2] == ["to 2", "Saved as 'first'. `/restore first` brings me back to this moment."]
    assert out[2:5] == ["to 5", "Taken back: 1 turn (3 messages). What was sent stays sent.", "to 2"]
    assert out[5].startswith("I am as I was at 'first'.")
    assert '"message": "one"' in out[6]
    assert out[7:8] == ["to 5"]
    assert out[8].startswith("3 entries left the window")
    assert len(out) == 11  # the two events have their turns, in which this model speaks


async def test_the_agent_may_speak_first(command_line: CommandLine) -> None:
    async with scripted(command_line, [says("Welcome!"), says("Hello Ada")]) as server:
        code, out, _ = await command_line.run("chat", "--first", typed="I am Ada\n")
        event = json.loads(server.requests[0]["messages"][-1]["content"])
    assert (code, out) == (0, ["Welcome!", "Hello Ada"])
    assert (event["type"], event["message"]) == ("login", "The person opened the conversation.")


async def test_a_reminder_arrives_while_the_terminal_is_open(command_line: CommandLine) -> None:
    async with scripted(command_line, promises):
        process = await command_line.start("chat", "--plain")
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"Remind me of the tea\n")
        async with asyncio.timeout(LIMIT_S):
            assert await process.stdout.readline() == b"I will.\n"
            assert await process.stdout.readline() == b"Now: the tea\n"
        process.stdin.write(b"/exit\n")
        async with asyncio.timeout(LIMIT_S):
            await process.communicate()
    assert process.returncode == 0


async def test_one_that_was_missed_arrives_at_the_next_start_and_only_there(command_line: CommandLine) -> None:
    async with scripted(command_line, promises) as server:
        code, out, _ = await command_line.run("chat", typed="Remind me of the tea later\n")
        assert (code, out) == (0, ["I will."])
        with closing(sqlite3.connect(command_line.data_dir / "bot.db")) as database, database:
            database.execute("UPDATE timers SET due_at = 1")  # an hour has passed, and more
        other = await command_line.run("chat", "--agent", "another", typed="/agent followups\n")
        assert "nothing that I am to come back to" in other[1][0]
        process = await command_line.start("chat", "--plain")
        assert process.stdin is not None
        assert process.stdout is not None
        async with asyncio.timeout(LIMIT_S):
            assert await process.stdout.readline() == b"Now: the tea\n"
        process.stdin.write(b"/exit\n")
        await process.communicate()
        assert process.returncode == 0
    assert len(server.requests) == 3
