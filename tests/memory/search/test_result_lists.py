"""Result lists: pages that do not shift, for the agent that searched, for a day."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from memory.ports import ResultList
from memory.search.result_lists import KEPT_FOR, ResultLists
from memory.sqlite.database import Database

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def lists(database: Database) -> ResultLists:
    return ResultLists(database)


def found(list_id: str, *, created_at: datetime = NOW) -> ResultList:
    return ResultList(list_id, "recall", "figs & 日付", (3, 1, 2), created_at)


async def save(database: Database, agent_id: int, *lists: ResultList, now: datetime = NOW) -> None:
    async with database.write() as transaction:
        await ResultLists(database).save(transaction, agent_id, lists, now)


async def test_a_list_comes_back_in_its_order(lists: ResultLists, database: Database, ada: int) -> None:
    await save(database, ada, found("a"), found("b"))
    assert await lists.find(ada, "a", NOW) == found("a")
    assert await lists.find(ada, "b", NOW) == found("b")
    assert await lists.find(ada, "c", NOW) is None
    assert await lists.find(ada, "", NOW) is None


async def test_it_is_kept_of_a_list_whether_it_was_cut(lists: ResultLists, database: Database, ada: int) -> None:
    cut = replace(found("a"), is_cut=True)
    await save(database, ada, cut)
    assert await lists.find(ada, "a", NOW) == cut


async def test_a_list_belongs_to_the_agent_that_searched(
    lists: ResultLists, database: Database, ada: int, bob: int
) -> None:
    await save(database, ada, found("a"))
    await save(database, bob, found("b"))
    assert await lists.find(bob, "a", NOW) is None
    assert await lists.find(ada, "b", NOW) is None


async def test_a_list_older_than_a_day_is_found_no_more(lists: ResultLists, database: Database, ada: int) -> None:
    await save(database, ada, found("old"))
    assert await lists.find(ada, "old", NOW + KEPT_FOR) is not None
    assert await lists.find(ada, "old", NOW + KEPT_FOR + timedelta(microseconds=1)) is None


async def test_lists_older_than_a_day_are_gone_with_the_next_search_of_anybody(
    lists: ResultLists, database: Database, ada: int, bob: int
) -> None:
    await save(database, ada, found("old"), found("young", created_at=NOW + timedelta(microseconds=1)))
    await save(database, bob, found("other"), now=NOW + KEPT_FOR)
    assert await lists.find(ada, "old", NOW) is not None
    await save(database, bob, found("another"), now=NOW + KEPT_FOR + timedelta(microseconds=1))
    assert await lists.find(ada, "old", NOW) is None
    assert await lists.find(ada, "young", NOW) is not None


async def test_nothing_to_save_forgets_nothing(lists: ResultLists, database: Database, ada: int) -> None:
    await save(database, ada, found("old"))
    await save(database, ada, now=NOW + timedelta(days=9))
    assert await lists.find(ada, "old", NOW) is not None
