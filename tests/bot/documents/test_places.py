"""Where a passage stands, and when a reply is told to rest on one."""

from datetime import UTC, datetime

import pytest

from bot.documents.places import Noted, place_of, with_source
from memory.ports import Passage

WARRANTY = Noted("The warranty lasts 27 months from the date of purchase.", "kettle.pdf, page 3", "kettle.pdf")
DESCALING = Noted("Descale the kettle every 6 weeks with citric acid.", "kettle.pdf, page 4", "kettle.pdf")
NOTE = Noted("Ada bought the kettle in May and keeps the receipt.")
ASKED = "How long is the warranty of my kettle?"


def passage(document: str | None, heading: str | None = None, page: int | None = None) -> Passage:
    kept = datetime(2026, 3, 1, tzinfo=UTC)
    return Passage(id=1, content="x", created_at=kept, document=document, heading=heading, page=page)


@pytest.mark.parametrize(
    ("of", "place"),
    [
        (passage(None), None),
        (passage("a.md"), "a.md"),
        (passage("a.pdf", page=3), "a.pdf, page 3"),
        (passage("a.md", "Care > Cleaning"), "a.md, Care > Cleaning"),
        (passage("b" * 500, "h" * 500, 2), f"{'b' * 119}…, {'h' * 79}…, page 2"),
    ],
)
def test_a_place_is_told_as_far_as_it_is_known(of: Passage, place: str | None) -> None:
    assert place_of(of) == place


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ("It lasts 27 months.", "It lasts 27 months (kettle.pdf, page 3)."),
        ("The warranty lasts 27 months", "The warranty lasts 27 months (kettle.pdf, page 3)"),
        ("Every 6 weeks, with citric acid!", "Every 6 weeks, with citric acid (kettle.pdf, page 4)!"),
    ],
)
def test_a_reply_that_rests_on_a_passage_names_its_place(reply: str, told: str) -> None:
    assert with_source(reply, ASKED, [WARRANTY, DESCALING, NOTE], ()) == told


@pytest.mark.parametrize(
    "reply",
    [
        "The warranty lasts 24 months.",  # a number that stands nowhere
        "I do not know the warranty of your kettle.",  # nothing but the question's words
        "You bought the kettle in May and keep the receipt.",  # a note is no document
        "Paris is the capital of France.",
        "Kettles boil water, whistle, and were invented long before warranties lasted months.",
        "It lasts 27 months, says page 3 of Kettle.pdf.",  # named already
    ],
)
def test_any_other_reply_stays_as_it_is(reply: str) -> None:
    assert with_source(reply, ASKED, [WARRANTY, DESCALING, NOTE], ()) == reply


def test_what_the_person_told_is_not_said_to_come_from_a_document() -> None:
    reply = "It lasts 27 months."
    assert with_source(reply, ASKED, [WARRANTY], ["My kettle's warranty lasts 27 months."]) == reply


def test_scripts_without_spaces_are_told_too() -> None:
    noted = Noted("保証期間は購入日から27か月です。", "説明書.pdf, page 3", "説明書.pdf")
    assert (
        with_source("保証期間は27か月です。", "保証は？", [noted], ()) == "保証期間は27か月です (説明書.pdf, page 3)。"
    )
