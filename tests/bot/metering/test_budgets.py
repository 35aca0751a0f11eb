"""Budgets before calls: whose they are, when they begin anew, and what a call that fails costs."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from adapters.ports.errors import AnswerWithheld, ModelUnavailable
from adapters.ports.model import ChatMessage, Completion, ToolCall, ToolSchema, Usage
from bot.errors import BudgetSpent
from bot.metering.budgets import Budgets, Caps, Used
from bot.metering.charges import Charge, charged_to, noted_calls
from bot.metering.metered_model import MeteredModel
from bot.testing import Clock
from config.prices import Prices
from memory.people.accounts import ALL, TIMED, Accounts, of_person, of_person_timed, of_scope
from memory.sqlite.database import Database

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ADA = Charge(1, "console:dm:ada", "console:ada", is_timed=False)
BOB = Charge(2, "console:dm:bob", "console:bob", is_timed=False)
TIMED_ADA = Charge(1, "console:dm:ada", "console:ada", is_timed=True)
CHANNEL = Charge(3, "discord:channel:1/2", None, is_timed=True)
NO_CAPS = Caps(per_person=0, in_all=0, timed_fraction=0.1)
HELLO = (ChatMessage("user", "Hello"),)


class Model:
    """Answers what it is told to, when it is allowed to; counts its calls."""

    name = "m"
    context_window = 8192

    def __init__(self, answer: Completion | Exception) -> None:
        self.answer = answer
        self.calls = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.was_asked = asyncio.Event()

    async def warm_up(self) -> None:
        self.calls += 100

    async def close(self) -> None:
        self.calls += 1000

    async def complete(self, messages: Any, tools: Any = (), **options: Any) -> Completion:
        self.calls += 1
        self.was_asked.set()
        await self.may_answer.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def took(prompt: int, completion: int, cached: int = 0) -> Completion:
    return Completion("Hi", usage=Usage(prompt, completion, cached))


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(tmp_path / "bot.db", tmp_path / "backups", NOW)
    yield database
    await database.close()


@pytest.fixture
def budgets(database: Database) -> Callable[..., Budgets]:
    def make(per_person: int = 0, in_all: int = 0, share: float = 0.1, zone: str = "UTC", now: Any = None) -> Budgets:
        return Budgets(Accounts(database), Caps(per_person, in_all, share), ZoneInfo(zone), now or (lambda: NOW))

    return make


async def spent(database: Database, *accounts: str) -> list[int]:
    found = await Accounts(database).spent(NOW.date(), accounts)
    return [found.get(account, 0) for account in accounts]


# ── whose budget ─────────────────────────────────────────────────────────────────────────────────────


async def spend(ours: Budgets, charge: Charge, tokens: int) -> None:
    """A call that takes what was set aside for it."""
    await ours.settle(await ours.reserve(charge, tokens), tokens)


async def test_each_person_has_a_limit_of_their_own(budgets: Any) -> None:
    ours = budgets(per_person=100)
    await spend(ours, ADA, 100)
    with pytest.raises(BudgetSpent, match=r"^You have reached your daily limit .* anew at midnight \(UTC\)\.$"):
        await spend(ours, ADA, 1)
    await spend(ours, BOB, 100)


async def test_all_have_one_together(budgets: Any, database: Database) -> None:
    ours = budgets(per_person=100, in_all=150)
    await spend(ours, ADA, 100)
    with pytest.raises(BudgetSpent, match="for everybody together"):
        await spend(ours, BOB, 60)
    assert await spent(database, of_person("console:bob"), of_scope("console:dm:bob")) == [0, 0]
    await spend(ours, BOB, 50)


async def test_in_a_channel_who_wrote_is_charged_and_the_channel_is_kept(budgets: Any, database: Database) -> None:
    in_channel = Charge(3, "discord:channel:1/2", "discord:7", is_timed=False)
    await spend(budgets(per_person=100), in_channel, 30)
    accounts = (of_person("discord:7"), of_scope("discord:channel:1/2"), ALL, TIMED)
    assert await spent(database, *accounts) == [30, 30, 30, 0]


# ── timed events ─────────────────────────────────────────────────────────────────────────────────────


async def test_timed_events_leave_people_the_rest(budgets: Any) -> None:
    ours = budgets(in_all=100, share=0.1)
    await spend(ours, TIMED_ADA, 6)
    with pytest.raises(BudgetSpent, match="Timed events"):
        await spend(ours, CHANNEL, 5)
    await spend(ours, CHANNEL, 4)
    await spend(ours, BOB, 90)


async def test_people_may_use_what_timed_events_have_left(budgets: Any) -> None:
    ours = budgets(in_all=100, share=0.5)
    await spend(ours, ADA, 100)
    with pytest.raises(BudgetSpent):
        await spend(ours, TIMED_ADA, 1)


async def test_timed_events_have_a_share_of_each_persons_limit_too(budgets: Any) -> None:
    ours = budgets(per_person=100, share=0.2)
    await spend(ours, TIMED_ADA, 20)
    with pytest.raises(BudgetSpent, match="Timed events"):
        await spend(ours, TIMED_ADA, 1)
    await spend(ours, ADA, 80)


async def test_a_share_of_nothing_lets_no_timed_event_through(budgets: Any) -> None:
    with pytest.raises(BudgetSpent):
        await spend(budgets(in_all=100, share=0), TIMED_ADA, 1)


# ── the notice ───────────────────────────────────────────────────────────────────────────────────────


async def is_told(ours: Budgets, database: Database, charge: Charge, person: str) -> bool:
    """Whether it is news to a person that no call can be charged so."""
    with pytest.raises(BudgetSpent) as refused:
        await spend(ours, charge, 1000)
    async with database.write() as transaction:
        return await ours.is_news(transaction, refused.value, person)


async def test_the_limit_is_news_once_to_each_person_also_after_a_restart(budgets: Any, database: Database) -> None:
    for expected in (True, False, False):
        assert await is_told(budgets(in_all=10), database, ADA, "console:ada") is expected
    assert await is_told(budgets(in_all=10), database, BOB, "console:bob")
    assert not await is_told(budgets(per_person=10), database, BOB, "console:bob")  # whichever limit it was


async def test_a_refusal_that_nobody_is_told_of_uses_up_no_news(budgets: Any, database: Database) -> None:
    with pytest.raises(BudgetSpent):
        await spend(budgets(in_all=10), ADA, 1000)
    assert await is_told(budgets(in_all=10), database, ADA, "console:ada")


# ── the day ──────────────────────────────────────────────────────────────────────────────────────────


async def test_a_day_begins_at_midnight_of_the_zone(budgets: Any, database: Database) -> None:
    clock = Clock(datetime(2026, 3, 1, 22, 59, 50, tzinfo=UTC))  # ten seconds to midnight in Paris
    ours = budgets(per_person=100, zone="Europe/Paris", now=clock)
    await spend(ours, ADA, 100)
    with pytest.raises(BudgetSpent, match=r"midnight \(Europe/Paris\)"):
        await spend(ours, ADA, 1)
    assert await is_told(ours, database, ADA, "console:ada")
    assert ours.midnight() == datetime(2026, 2, 28, 23, tzinfo=UTC)
    clock.advance(seconds=10)
    assert ours.midnight() == datetime(2026, 3, 1, 23, tzinfo=UTC)
    await spend(ours, ADA, 100)
    assert await is_told(ours, database, ADA, "console:ada")


async def test_a_call_over_midnight_is_settled_on_the_day_that_it_began(budgets: Any, database: Database) -> None:
    clock = Clock(datetime(2026, 3, 1, 23, 59, 50, tzinfo=UTC))
    ours = budgets(per_person=100, now=clock)
    reservation = await ours.reserve(ADA, 80)
    clock.advance(minutes=1)
    await ours.settle(reservation, 30)
    assert await spent(database, of_person("console:ada")) == [30]
    assert await ours.used(ADA) == (Used(of_person("console:ada"), 0, 100),)


# ── the model ────────────────────────────────────────────────────────────────────────────────────────


async def test_a_call_is_settled_with_what_the_server_counted(budgets: Any, database: Database) -> None:
    model = MeteredModel(Model(took(700, 30, 200)), budgets(per_person=100_000), Prices(2.0, 0.5, 8.0))
    with charged_to(ADA) as bill:
        answer = await model.complete(HELLO)
    assert answer.text == "Hi"
    (call,) = bill.take()
    assert (call.agent_id, call.person, call.model, call.is_timed) == (1, "console:ada", "m", False)
    assert (call.prompt_tokens, call.cached_tokens, call.completion_tokens) == (700, 200, 30)
    assert call.cost == pytest.approx((500 * 2.0 + 200 * 0.5 + 30 * 8.0) / 1e6)
    assert bill.take() == ()
    assert await spent(database, of_person("console:ada"), ALL) == [730, 730]


@pytest.mark.parametrize(
    "nonsense", [None, Usage(0, 0), Usage(-5, 10), Usage(10**30, 1), Usage(10, -1)], ids=lambda usage: str(usage)
)
async def test_where_the_server_counts_nothing_an_estimate_is_taken(
    budgets: Any, database: Database, nonsense: Usage | None
) -> None:
    said = Completion("x" * 30, (ToolCall("1", "send", "y" * 60),), nonsense)
    model = MeteredModel(Model(said), budgets(per_person=100_000), Prices(2.0, 0.5, 8.0))
    with charged_to(ADA) as bill:
        await model.complete([ChatMessage("user", "é" * 300)])
    (call,) = bill.take()
    assert (call.prompt_tokens, call.cached_tokens, call.completion_tokens, call.cost) == (208, 0, 40, None)
    assert await spent(database, of_person("console:ada")) == [248]


async def test_more_cached_tokens_than_there_are_cost_no_less_than_nothing(budgets: Any) -> None:
    model = MeteredModel(Model(took(100, 0, 900)), budgets(), Prices(2.0, 0.5, 8.0))
    with charged_to(ADA) as bill:
        await model.complete(HELLO)
    (call,) = bill.take()
    assert (call.cached_tokens, call.cost) == (100, pytest.approx(100 * 0.5 / 1e6))


async def test_a_failing_call_gives_its_reservation_back(budgets: Any, database: Database) -> None:
    model = MeteredModel(Model(ModelUnavailable("Down.")), budgets(per_person=5000), None)
    for _ in range(5):  # else the second would not pass
        with charged_to(ADA) as bill, pytest.raises(ModelUnavailable):
            await model.complete(HELLO, max_tokens=4000)
        assert bill.take() == ()
    assert await spent(database, of_person("console:ada"), ALL, of_scope("console:dm:ada")) == [0, 0, 0]


async def test_a_call_that_is_cancelled_stays_paid_for(budgets: Any, database: Database) -> None:
    inner = Model(took(1, 1))
    inner.may_answer.clear()
    with charged_to(ADA):
        task = asyncio.ensure_future(MeteredModel(inner, budgets(per_person=5000), None).complete(HELLO))
    await inner.was_asked.wait()
    task.cancel()
    await asyncio.wait([task])
    (left,) = await spent(database, of_person("console:ada"))
    assert 1024 < left < 1100  # the reply's room and the prompt


@pytest.mark.parametrize(("usage", "taken"), [(None, 10), (Usage(700, 30), 730)])
async def test_a_call_that_fails_after_the_server_has_worked_is_paid_for(
    budgets: Any, database: Database, usage: Usage | None, taken: int
) -> None:
    withheld = AnswerWithheld("No.", is_billed=True, usage=usage)
    model = MeteredModel(Model(withheld), budgets(per_person=5000), None)
    with charged_to(ADA) as bill, pytest.raises(AnswerWithheld):
        await model.complete(HELLO)
    assert [call.prompt_tokens + call.completion_tokens for call in bill.take()] == [taken]
    assert await spent(database, of_person("console:ada")) == [taken]


async def test_what_is_set_aside_for_calls_under_way_is_waited_for_and_not_taken_for_spent(budgets: Any) -> None:
    inner = Model(took(50, 50))
    inner.may_answer.clear()
    model = MeteredModel(inner, budgets(per_person=1500), None)
    with charged_to(ADA):
        calls = [asyncio.ensure_future(model.complete(HELLO, max_tokens=1000)) for _ in range(4)]
    await inner.was_asked.wait()
    inner.may_answer.set()
    assert len(await asyncio.gather(*calls)) == 4
    with charged_to(ADA), pytest.raises(BudgetSpent):  # 400 are spent
        await model.complete(HELLO, max_tokens=1101)


async def test_of_two_calls_at_once_only_one_passes_a_limit_that_one_fits(budgets: Any) -> None:
    inner = Model(took(50, 500))
    inner.may_answer.clear()
    model = MeteredModel(inner, budgets(per_person=1500), None)
    with charged_to(ADA):
        calls = [asyncio.ensure_future(model.complete(HELLO, max_tokens=1000)) for _ in range(2)]
    await inner.was_asked.wait()
    inner.may_answer.set()
    ended = await asyncio.gather(*calls, return_exceptions=True)
    assert sorted(type(end).__name__ for end in ended) == ["BudgetSpent", "Completion"]
    assert inner.calls == 1
    with charged_to(ADA):  # what the first did not need can be had again
        inner.answer = took(10, 20)
        await model.complete(HELLO, max_tokens=900)


@pytest.mark.parametrize("count", [1, 2, 5])
async def test_when_all_is_spent_everybody_is_refused_however_many_ask_at_once(budgets: Any, count: int) -> None:
    ours = budgets(in_all=100)
    await spend(ours, ADA, 100)
    refused = await asyncio.gather(*(ours.reserve(BOB, 10) for _ in range(count)), return_exceptions=True)
    assert [type(each) for each in refused] == [BudgetSpent] * count


async def test_what_no_budget_has_room_for_is_not_waited_for(budgets: Any) -> None:
    ours = budgets(in_all=100)
    await ours.reserve(ADA, 50)
    with pytest.raises(BudgetSpent):
        await ours.reserve(BOB, 101)


async def test_whoever_is_cancelled_while_they_set_tokens_aside_has_set_none_aside(
    budgets: Any, database: Database
) -> None:
    ours = budgets(in_all=100)
    for ticks in range(40):
        trying = asyncio.ensure_future(ours.reserve(ADA, 60))
        for _ in range(ticks):
            await asyncio.sleep(0)
        if not trying.cancel():
            await ours.settle(trying.result(), 0)
        await asyncio.wait([trying])
        assert await spent(database, ALL) == [0]


async def test_a_call_that_ends_in_no_known_way_holds_up_nobody(budgets: Any) -> None:
    inner = Model(took(50, 50))
    inner.may_answer.clear()
    model = MeteredModel(inner, budgets(per_person=3000), None)
    with charged_to(ADA):
        lost = asyncio.ensure_future(model.complete(HELLO, max_tokens=2000))
        await inner.was_asked.wait()
        waits = asyncio.ensure_future(model.complete(HELLO, max_tokens=2000))
    lost.cancel()
    await asyncio.wait([lost, waits])
    assert isinstance(waits.exception(), BudgetSpent)


async def write_down(count: int) -> None:
    async with noted_calls() as calls:
        assert len(calls) == count
        raise OSError("full")


async def test_calls_stay_on_the_bill_until_they_are_written_down(budgets: Any) -> None:
    model = MeteredModel(Model(took(50, 50)), budgets(), None)
    with charged_to(ADA) as bill:
        await model.complete(HELLO)
        for _ in range(2):
            with pytest.raises(OSError, match="full"):
                await write_down(1)
        async with noted_calls() as calls:
            assert len(calls) == 1
    assert bill.take() == ()


async def test_a_restart_keeps_what_was_spent(budgets: Any, database: Database, tmp_path: Path) -> None:
    with charged_to(ADA):
        await MeteredModel(Model(took(900, 100)), budgets(per_person=3000), None).complete(HELLO)
    await budgets(per_person=3000).reserve(ADA, 500)  # and the process dies
    await database.close()
    again = await Database.open(tmp_path / "bot.db", tmp_path / "backups", NOW)
    ours = Budgets(Accounts(again), Caps(3000, 0, 0.1), ZoneInfo("UTC"), lambda: NOW)
    assert await ours.used(ADA) == (Used(of_person("console:ada"), 1500, 3000),)
    await again.close()


async def test_tools_and_calls_are_part_of_the_estimate(budgets: Any, database: Database) -> None:
    inner = Model(Completion(None))
    model = MeteredModel(inner, budgets(per_person=10**6), None)
    tools = (ToolSchema("look", "Look something up. " * 100, {"type": "object", "properties": {}}),)
    sizes = []
    asked = ChatMessage("assistant", None, (ToolCall("1", "look", "z" * 3000),))
    for messages, given in ((HELLO, ()), (HELLO, tools), ((*HELLO, asked), tools), (HELLO, ())):
        with charged_to(ADA) as bill:
            await model.complete(messages, given)
        sizes += [call.prompt_tokens for call in bill.take()]
    assert sizes[0] == sizes[3] == 10
    assert sizes[1] - sizes[0] > 600
    assert sizes[2] - sizes[1] > 1000


async def test_a_call_of_nobody_is_passed_on(budgets: Any, database: Database) -> None:
    inner = Model(took(10**6, 10**6))
    model = MeteredModel(inner, budgets(per_person=1, in_all=1), None)
    assert await model.complete(HELLO) == inner.answer
    async with noted_calls() as calls:
        assert calls == ()
    assert await spent(database, ALL) == [0]


async def test_it_is_the_model_that_it_is_put_around(budgets: Any) -> None:
    inner = Model(took(1, 1))
    model = MeteredModel(inner, budgets(), None)
    assert (model.name, model.context_window) == ("m", 8192)
    await model.warm_up()
    await model.close()
    assert inner.calls == 1100


async def test_charges_of_two_tasks_are_kept_apart(budgets: Any) -> None:
    model = MeteredModel(Model(took(10, 1)), budgets(), None)

    async def turn(charge: Charge) -> list[str | None]:
        with charged_to(charge) as bill:
            await model.complete(HELLO)
            await asyncio.gather(asyncio.ensure_future(model.complete(HELLO)))
            return [call.person for call in bill.take()]

    assert await asyncio.gather(turn(ADA), turn(BOB)) == [["console:ada"] * 2, ["console:bob"] * 2]


def test_which_accounts_a_name_leads_to_is_never_in_doubt() -> None:
    assert len({ALL, TIMED, of_person("a"), of_person_timed("a"), of_scope("a"), of_person("timed a")}) == 6
