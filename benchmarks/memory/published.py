"""Published files as they are handed out, in the project's own form: LoCoMo, LongMemEval, and DMR's MSC-Self-Instruct.

Sources: https://github.com/snap-research/locomo (`locomo10.json`), https://github.com/xiaowu0162/LongMemEval
(`longmemeval_s.json`, `longmemeval_oracle.json`), https://huggingface.co/datasets/MemGPT/MSC-Self-Instruct (lines).
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

LONG_AGO = datetime(2024, 1, 1, 12, tzinfo=UTC)
"""When a conversation begins that tells no time."""

_SESSION = re.compile(r"session_(\d+)")


def in_our_form(content: Any) -> Any:
    """What a file says, in the form of `LabelledConversations` if it has one of the forms known here, else as it is."""
    entries = [entry for entry in content if isinstance(entry, dict)] if isinstance(content, list) else []
    for has, read in (("conversation", _locomo), ("haystack_sessions", _longmemeval), ("self_instruct", _dmr)):
        if entries and has in entries[0]:
            return _joined([read(str(number), entry) for number, entry in enumerate(entries)])
    return content


def _joined(parts: Sequence[Mapping[str, list[Any]]]) -> dict[str, list[Any]]:
    return {key: [one for part in parts for one in part[key]] for key in ("conversations", "queries")}


def _locomo(number: str, entry: Mapping[str, Any]) -> Mapping[str, list[Any]]:
    id_, said = str(entry.get("sample_id", number)), entry["conversation"]
    sessions = sorted(int(found[1]) for key in said if (found := _SESSION.fullmatch(key)))
    items = []
    for session in sessions:
        begun = datetime.strptime(said[f"session_{session}_date_time"], "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC)
        for at, turn in enumerate(said[f"session_{session}"]):
            picture = f" [shows a picture: {turn['blip_caption']}]" if turn.get("blip_caption") else ""
            text = f"{turn['text']}{picture}"
            items.append((turn["dia_id"], turn["speaker"], text, (begun + timedelta(seconds=30 * at)).isoformat()))
    # A question without an answer is there to be refused, which no answer can be compared with.
    queries = [_query(id_, it["question"], it["answer"], it.get("category")) for it in entry["qa"] if "answer" in it]
    return {"conversations": [{"id": id_, "items": items}], "queries": queries}


def _longmemeval(number: str, entry: Mapping[str, Any]) -> Mapping[str, list[Any]]:
    id_, items = str(entry.get("question_id", number)), []
    for session, (date, turns) in enumerate(zip(entry["haystack_dates"], entry["haystack_sessions"], strict=True)):
        begun = datetime.strptime(re.sub(r" \(\w+\)", "", date), "%Y/%m/%d %H:%M").replace(tzinfo=UTC)
        for at, turn in enumerate(turns):
            speaker = "assistant" if turn["role"] == "assistant" else "User"
            moment = begun + timedelta(seconds=30 * at)
            items.append((f"{session}:{at}", speaker, turn["content"], moment.isoformat()))
    query = _query(id_, entry["question"], entry["answer"], entry.get("question_type"))
    return {"conversations": [{"id": id_, "items": sorted(items, key=lambda item: item[3])}], "queries": [query]}


def _dmr(number: str, entry: Mapping[str, Any]) -> Mapping[str, list[Any]]:
    items = []
    sessions = [*(session["dialog"] for session in entry.get("previous_dialogs", ())), entry["dialog"]]
    for session, turns in enumerate(sessions):
        for at, turn in enumerate(turns):
            speaker = turn.get("id") or f"Speaker {at % 2 + 1}"
            moment = LONG_AGO + timedelta(weeks=session, seconds=30 * at)
            items.append((f"{session}:{at}", speaker, turn["text"], moment.isoformat()))
    asked = entry["self_instruct"]
    return {
        "conversations": [{"id": number, "items": items}],
        "queries": [_query(number, asked["B"], asked["A"], "dmr")],
    }


def _query(conversation: str, question: str, answer: Any, kind: Any) -> dict[str, Any]:
    return {"conv": conversation, "q": question, "a": answer, "cat": str(kind or "")}
