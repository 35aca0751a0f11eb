"""`python -m benchmarks.memory`: what it asks, how it judges and counts, and what it does without a model."""

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import benchmarks.memory.run
from adapters.testing import Reply, Request, ScriptedServer, answer, fails, says
from benchmarks.memory.__main__ import NO_MODEL, _cases, _measure, _options, main
from benchmarks.memory.conversations import FileUnusable, read
from benchmarks.memory.judge import holds
from benchmarks.memory.metered import Spent
from bot.testing import open_bot
from config.prices import Prices

ROOT = Path(benchmarks.memory.run.__file__).parents[2]
USAGE = {"prompt_tokens": 1000, "completion_tokens": 100, "prompt_tokens_details": {"cached_tokens": 400}}

LABELLED: dict[str, Any] = {
    "name": "small",
    "conversations": [
        {
            "id": "one",
            "items": [
                ["1:1", "Caroline", "I adopted a greyhound called Vesper.", "2023-05-08T13:56:00"],
                ["1:2", "assistant", "A lovely name!", "2023-05-08T13:57:00"],
            ],
        },
        {"id": "two", "items": [["1:1", "Bo", "I was born in 1984.", "2024-01-01T00:00:00+02:00"]]},
        {"id": "three", "items": []},
    ],
    "queries": [
        {"conv": "one", "q": "What is the greyhound called?", "a": "Vesper", "cat": "single", "evidence": ["1:1"]},
        {"conv": "two", "q": "When was Bo born?", "a": [1984, "nineteen eighty-four"], "cat": 2},
        {"conv": "two", "q": "Where was Bo born?", "cat": "unanswerable"},
    ],
}


def labelled(path: Path, content: Any = LABELLED) -> Path:
    raw = json.dumps(content).encode()
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    return path


# ── judging and counting ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("reply", "answers", "is_right"),
    [
        ("Vesper", ["Vesper"], True),
        ("It is called “VESPER”!", ["vesper."], True),
        ("The Paper Kites of Lund", ["paper kites of Lund"], True),
        ("Dr. Amelie Lukaszewska", ["Dr. Amélie Łukaszewska"], False),  # Ł is a letter of its own
        ("Dr. Amelie Łukaszewska", ["Dr. Amélie Łukaszewska"], True),
        ("It is 7351-QX.", ["7351-qx"], True),
        ("It is 17351-QX.", ["7351-QX"], False),
        ("Vespers", ["Vesper"], False),
        ("Eighty-four", ["1984", "eighty four"], True),
        ("", ["Vesper"], False),
        ("Anything", ["…"], False),
    ],
)
def test_a_reply_is_right_if_it_holds_an_answer_as_whole_words(reply: str, answers: list[str], is_right: bool) -> None:
    assert holds(reply, answers) is is_right


def test_cached_tokens_have_a_price_of_their_own() -> None:
    spent = Spent(calls=2, prompt=2_000_000, cached=1_000_000, completion=500_000)
    assert spent.cost(Prices(2.0, 0.5, 8.0)) == 2.0 + 0.5 + 4.0
    assert spent - spent == Spent()


# ── files ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["small.json", "small.json.gz"])
def test_a_file_is_read_whether_packed_or_not_and_what_has_no_answer_is_left_out(tmp_path: Path, name: str) -> None:
    one, two = read(labelled(tmp_path / name))
    assert (one.person, two.person) == ("one", "two")
    assert [question.answers for question in (*one.questions, *two.questions)] == [
        ("Vesper",),
        ("1984", "nineteen eighty-four"),
    ]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"conversations": []}, "queries: Field required"),
        ({"conversations": [{"id": "a", "items": [["1", "Bo", "Hi"]]}], "queries": []}, "conversations.0.items.0"),
        ("text", "valid dictionary"),
        (LABELLED | {"queries": LABELLED["queries"][2:]}, "no question in it has an answer"),
    ],
)
def test_a_file_of_another_form_is_told_in_one_line(tmp_path: Path, content: Any, told: str) -> None:
    with pytest.raises(FileUnusable) as caught:
        read(labelled(tmp_path / "bad.json", content))
    assert told in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_file_that_is_not_there_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(FileUnusable, match=r"nowhere\.json"):
        read(tmp_path / "nowhere.json")


# ── a run ────────────────────────────────────────────────────────────────────────────────────────────


def recalls(request: Request) -> Reply:
    """A model that looks up what it is asked, and repeats the first result; it grades strictly."""
    last = request["messages"][-1]
    if "tools" not in request:
        return answer("Right." if "1984" in last["content"].rpartition("Answer of")[2] else "wrong", **USAGE)
    if last["role"] == "tool":
        found = json.loads(last["content"])["results"]
        return says(found[0]["text"] if found else "I do not know.")
    question = json.loads(last["content"])["message"]
    return answer(None, ("conversation_search", {"query": question, "request_heartbeat": True}), **USAGE)


async def run(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setenv("LLM_MODEL", "m")
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    options = _options(arguments)
    await _measure(_cases(options), options)


async def test_a_run_tells_accuracy_tokens_and_cost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = labelled(tmp_path / "small.json"), tmp_path / "out.jsonl"
    async with ScriptedServer(recalls) as server:
        prices = ("--price-in", "2", "--price-cached", "1", "--price-out", "10")
        await run(server, monkeypatch, "--tasks", "", "--data", str(path), "--out", str(out), *prices)
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == "task right accuracy calls in cached out cost".split()
    assert rows[-1] == "all 2 of 2 100.0 % 4 2000 800 200 0.0052".split()
    assert [row[0] for row in rows[1:]] == ["single", "2", "small.json", "all"]
    first, second = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert (first["of"], first["right"], first["reply"]) == ("one", True, "I adopted a greyhound called Vesper.")
    assert second["prompt_tokens"] == 1000


async def test_the_tasks_that_are_made_up_are_asked_without_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.jsonl"
    async with ScriptedServer(recalls) as server:
        await run(server, monkeypatch, "--questions", "3", "--out", str(out))
    rows = {line.split("  ")[0]: line.split() for line in capsys.readouterr().out.splitlines()}
    assert rows["conversation"][1:6] == "3 of 3 100.0 %".split()
    assert rows["documents"][1:4] == rows["keys"][1:4] == "0 of 3".split()  # it searches recall alone
    assert len(out.read_text(encoding="utf-8").splitlines()) == 9


async def test_a_judge_is_asked_only_about_what_does_not_match_and_costs_the_agent_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    content = json.loads(json.dumps(LABELLED))
    content["queries"][1]["a"] = "the year of Orwell"
    async with ScriptedServer(recalls) as server:
        await run(server, monkeypatch, "--tasks", "", "--data", str(labelled(tmp_path / "a.json", content)), "--judge")
        graded = [request for request in server.requests if "tools" not in request]
    assert len(graded) == 1
    assert "the year of Orwell" in graded[0]["messages"][1]["content"]
    assert capsys.readouterr().out.splitlines()[-1].split() == "all 2 of 2 100.0 % 4 2000 800 200 -".split()


async def test_no_question_helps_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = json.loads(json.dumps(LABELLED))
    content["queries"] = [{"conv": "one", "q": f"Which dog, number {n}?", "a": "x"} for n in range(3)]
    async with ScriptedServer(recalls) as server:
        await run(
            server,
            monkeypatch,
            "--tasks",
            "",
            "--data",
            str(labelled(tmp_path / "a.json", content)),
            "--questions",
            "2",
        )
        asked = [json.dumps(request["messages"]) for request in server.requests]
    assert len(asked) == 4
    assert "number 0" not in "".join(asked[2:])


async def test_a_model_that_does_not_answer_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = json.loads(json.dumps(LABELLED))
    content["queries"] = [{"conv": "one", "q": f"Question {n}?", "a": "x"} for n in range(9)]
    refused = fails(401, retry_after="36000")  # so that no try of its own comes in between
    async with ScriptedServer(lambda request: refused) as server:
        with pytest.raises(benchmarks.memory.run.GaveUp, match="OPENAI_API_KEY"):
            await run(server, monkeypatch, "--tasks", "", "--data", str(labelled(tmp_path / "a.json", content)))
        assert len(server.requests) == 3


def test_without_a_model_it_says_so_in_one_line_and_all_is_well(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.memory"]
    ran = subprocess.run(command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, NO_MODEL + "\n", "")


@pytest.mark.parametrize("model", ["embedded", "/models/some.gguf"])
def test_a_model_without_a_server_is_not_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], model: str
) -> None:
    monkeypatch.setenv("LLM_MODEL", model)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    assert main([]) == 0
    assert capsys.readouterr().out == NO_MODEL + "\n"


def test_a_file_that_cannot_be_used_is_one_line_and_a_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LLM_MODEL", "m")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    assert main(["--tasks", "", "--data", "nowhere.json"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "nowhere.json" in line


LOCOMO = [
    {
        "sample_id": "conv-26",
        "conversation": {
            "speaker_a": "Ada",
            "speaker_b": "Bob",
            "session_1_date_time": "1:56 pm on 8 May, 2023",
            "session_1": [
                {"speaker": "Ada", "dia_id": "D1:1", "text": "I have a cat."},
                {"speaker": "Bob", "dia_id": "D1:2", "text": "Look!", "blip_caption": "a photo of a dog"},
            ],
        },
        "qa": [
            {"question": "What does Ada have?", "answer": "A cat", "category": 1, "evidence": ["D1:1"]},
            {"question": "When was that?", "answer": 2023, "category": 2},
            {"question": "What does Bob fear?", "adversarial_answer": "dogs", "category": 5},
        ],
    }
]
LONGMEMEVAL = [
    {
        "question_id": "q1",
        "question_type": "single-session-user",
        "question": "What do I have?",
        "answer": "A cat",
        "question_date": "2023/05/30 (Tue) 23:40",
        "haystack_dates": ["2023/05/20 (Sat) 02:21"],
        "haystack_sessions": [
            [{"role": "user", "content": "I have a cat."}, {"role": "assistant", "content": "Nice!"}]
        ],
    }
]
DMR = [
    {
        "dialog": [{"id": "Speaker 1", "text": "Hello again."}],
        "previous_dialogs": [{"dialog": [{"text": "I have a cat."}, {"text": "Nice!"}]}],
        "self_instruct": {"B": "What did you say you have?", "A": "A cat"},
    }
]


@pytest.mark.parametrize(("content", "questions"), [(LOCOMO, 2), (LONGMEMEVAL, 1), (DMR, 1)])
@pytest.mark.parametrize("lines", [False, True])
async def test_published_files_are_read_as_they_are_handed_out(
    tmp_path: Path, content: list[Any], questions: int, lines: bool
) -> None:
    path = tmp_path / "published.json"
    both = [*content, *content] if lines else content  # one line alone is no JSON Lines
    path.write_text("\n".join(map(json.dumps, both)) if lines else json.dumps(content), encoding="utf-8")
    case = read(path)[0]
    assert {question.answers for question in case.questions} <= {("A cat",), ("2023",)}
    assert len({question.text for question in case.questions}) == questions
    async with open_bot(tmp_path / "data") as bot:
        await case.fill(bot, "ada")
        recall, agent_id = bot.app.shelves.recall, (await bot.agent()).id
        (best, *_) = await recall.get(agent_id, await recall.search(agent_id, "cat"))
        assert best.text == "I have a cat."


def test_one_that_has_not_quite_that_form_is_a_line(tmp_path: Path) -> None:
    path = tmp_path / "published.json"
    path.write_text(json.dumps([{"conversation": {"session_1": []}, "qa": []}]), encoding="utf-8")
    with pytest.raises(FileUnusable, match="KeyError: 'session_1_date_time'"):
        read(path)
