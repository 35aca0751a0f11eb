"""A person's names in the tables are those that messages are kept under."""

from hypothesis import given
from hypothesis import strategies as st

from adapters.ports.messages import Address, Origin, Person
from bot.scopes import owner_of, person_of, scope_of
from memory.erasing.whose import Whose, who_wrote

IDS = st.text("0123456789ABCDEFGHU", min_size=1, max_size=20)
SPACES = st.text("0123456789TW", min_size=1, max_size=20)


def origin(platform: str, person: str, space: str | None, *, is_direct: bool) -> Origin:
    if is_direct and platform == "discord":
        space = None
    return Origin(Address(platform, "C1"), Person(person, "Ada"), is_direct=is_direct, space=space)


@given(st.sampled_from(["discord", "slack"]), IDS, SPACES)
def test_they_are_found_directly_and_in_channels(platform: str, person: str, space: str) -> None:
    there, direct = (origin(platform, person, space, is_direct=is_direct) for is_direct in (False, True))
    whose = Whose(person_of(there))
    assert person_of(direct) == whose.person
    assert (whose.platform, whose.author_id, whose.own_scope) == (platform, person, scope_of(direct))
    assert owner_of(whose.own_scope) == whose.person
    assert scope_of(there).startswith(whose.channels)
    assert who_wrote(scope_of(there), person) == whose.person


@given(IDS, SPACES, SPACES)
def test_on_slack_a_person_is_one_within_a_team(person: str, team: str, other: str) -> None:
    whose = Whose(f"slack:{team}/{person}")
    elsewhere = scope_of(origin("slack", person, other, is_direct=False))
    assert elsewhere.startswith(whose.channels) is (team == other)


def test_a_name_at_the_terminal_may_hold_anything() -> None:
    whose = Whose("console:a/b: c")
    assert (whose.author_id, whose.own_scope, whose.channels) == ("a/b: c", "console:dm:a/b: c", "console:channel:")
    assert who_wrote("console:dm:a/b: c", "a/b: c") == "console:a/b: c"
