"""Where the lines of a block come from, read against the journal of its edits."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from memory.core.provenance import MAX_EDITS, sourced_lines
from memory.ports import BlockEdit

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def edit(before: str, after: str, source: int | None, author: str = "agent") -> BlockEdit:
    return BlockEdit("human", before, after, author, "test", source, NOW)


def sources(value: str, *edits: BlockEdit) -> dict[str, list[int | None]]:
    return {line.text: [edit.source_message_id for edit in line.edits] for line in sourced_lines(value, edits)}


def test_every_line_knows_the_edit_that_added_it() -> None:
    edits = [edit("Ada", "Ada\nLikes figs", 3), edit("Ada\nLikes figs", "Ada\nLikes figs\nHas a dog", 7)]
    assert sources("Ada\nLikes figs\nHas a dog", *edits) == {"Ada": [], "Likes figs": [3], "Has a dog": [7]}


def test_a_line_that_was_corrected_knows_both_messages_the_newest_first() -> None:
    edits = [edit("", "Likes figs", 3), edit("Likes figs", "Likes figs and dates", 9)]
    assert sources("Likes figs and dates", *edits) == {"Likes figs and dates": [9, 3]}


def test_a_line_made_of_several_knows_the_messages_of_all_whose_words_it_has() -> None:
    before = "Likes figs\nOwns a boat\nHas a dog"
    later = NOW + timedelta(days=1)
    edits = [
        edit("", "Likes figs", 3),
        edit("Likes figs", "Likes figs\nOwns a boat", 5),
        edit("Likes figs\nOwns a boat", before, 7),
        BlockEdit("human", before, "Likes figs, has a dog", "agent", "test", None, later),
    ]
    assert sources("Likes figs, has a dog", *edits) == {"Likes figs, has a dog": [None, 3, 7]}


def test_lines_keep_their_sources_when_others_go_or_come_between() -> None:
    edits = [
        edit("", "one\ntwo\nthree", 1),
        edit("one\ntwo\nthree", "one\nthree", 2),
        edit("one\nthree", "zero\none\nand a half\nthree", 3),
    ]
    assert sources("zero\none\nand a half\nthree", *edits) == {"zero": [3], "one": [1], "and a half": [3], "three": [1]}


def test_a_line_brought_back_by_taking_a_turn_back_has_its_source_again() -> None:
    edits = [edit("", "Likes figs", 3), edit("Likes figs", "", 5), edit("", "Likes figs", None, author="console:ada")]
    assert sources("Likes figs", *edits) == {"Likes figs": [None, 3]}


def test_what_the_journal_does_not_know_has_no_source() -> None:
    edits = [edit("lost\nkept", "lost\nkept\nnew", 4)]
    assert sources("lost\nkept\nnew\nunknown", *edits) == {"lost": [], "kept": [], "new": [4], "unknown": []}
    assert sources("all of it") == {"all of it": []}
    assert sources("", *edits) == {}


def test_between_edits_that_do_not_join_nothing_is_claimed() -> None:
    edits = [edit("", "one", 1), edit("one\nappeared", "one\nappeared\ntwo", 2)]
    assert sources("one\nappeared\ntwo", *edits) == {"one": [1], "appeared": [], "two": [2]}


LINES = st.lists(st.sampled_from("abcde"), max_size=6)


@given(st.lists(LINES, max_size=8), LINES)
def test_a_source_is_always_an_edit_that_wrote_the_line_or_one_in_its_place(
    states: list[list[str]], now: list[str]
) -> None:
    texts = ["\n".join(state) for state in states]
    edits = [edit(before, after, at) for at, (before, after) in enumerate(zip(["", *texts], texts, strict=False))]
    value = "\n".join(now)
    lines = sourced_lines(value, edits)
    assert [line.text for line in lines] == [line for line in now if line.strip()]
    for line in lines:
        assert len(line.edits) <= MAX_EDITS
        if texts and texts[-1] == value:
            assert line.edits
            assert line.text in line.edits[0].after.split("\n")
