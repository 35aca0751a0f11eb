"""What each scope's next turn is about: one that was left unfinished, or else what waits; and what holds it up."""

from enum import StrEnum

from bot.agents import Agents
from bot.inbound.waiting import Waiting
from bot.turns.outage import Outage
from bot.turns.woken import BESIDE_OTHERS, Woken, left_unfinished, woken_by
from memory.turns.turn_journal import TurnJournal, TurnRecord


class Next(StrEnum):
    """What came of asking for the next turn of a scope."""

    NOTHING = "nothing"
    """Nothing waits."""
    ENDED = "ended"
    PUT_OFF = "put off"
    """It waits for something, and so does all that comes after it."""
    STUCK = "stuck"
    """The database takes nothing; it is to be tried later."""


class Agenda:
    """Knows what is to be done next."""

    def __init__(self, agents: Agents, waiting: Waiting, journal: TurnJournal, outage: Outage) -> None:
        self._agents = agents
        self._waiting = waiting
        self._journal = journal
        self._outage = outage
        self._unfinished: dict[str, list[int]] = {}
        """The turns that are to go on, in order; more than one of a scope were left by an earlier process only."""
        self._of_clocks: set[str] = set()
        """Scopes that wait for the model with a turn that a clock set off."""
        self._held: set[str] = set()
        """Scopes whose turn may be what ended earlier processes."""
        self._behind: set[str] = set()
        """Scopes of which it is not known yet what people deleted and edited while nobody listened."""
        self.is_closing = False
        """From now on no turn begins, and those that run end after their step."""

    def take_up(self, record: TurnRecord) -> bool:
        """Go on with a turn that an earlier process left, when its scope is next asked for.

        Returns:
            Whether it is held until `let_go`, as it may be what ended that process, and others before.
        """
        self._unfinished.setdefault(record.scope, []).append(record.id)
        if record.resumed >= BESIDE_OTHERS:
            self._held.add(record.scope)
        if record.failing_since is not None:
            self._outage.since = min(self._outage.since or record.failing_since, record.failing_since)
        return record.scope in self._held

    def let_go(self, scope: str) -> None:
        """Go on with a turn that was held, when its scope is next asked for."""
        self._held.discard(scope)

    def wait_for_changes(self, scope: str) -> None:
        """Begin no turn of a scope until it is known what was deleted and edited there while nobody listened."""
        self._behind.add(scope)

    def knows_changes(self, scope: str) -> None:
        """That is known now; go on when its scope is next asked for."""
        self._behind.discard(scope)

    def is_of_clock(self, scope: str) -> bool:
        """Whether a clock set off the turn of a scope that waits for the model: nobody is there to wait for it."""
        return scope in self._of_clocks

    def is_under_way(self, scope: str) -> bool:
        """Whether a turn of a scope was begun and is to go on."""
        return scope in self._unfinished

    def is_held(self, scope: str) -> bool:
        """Whether no turn of a scope may begin, or go on, now."""
        return self.is_closing or scope in self._held or scope in self._behind

    async def next(self, scope: str) -> Woken | None:
        """What the next turn of a scope is about; None if nothing waits."""
        while (turn_id := next(iter(self._unfinished.get(scope, ())), None)) is not None:
            if (record := await self._journal.find(turn_id)) is not None:
                return left_unfinished(record)
            self.over(scope, turn_id)  # erased meanwhile
        if (heard := self.heard(scope)) is not None:
            return heard
        if not (events := self._waiting.next(scope)):
            return None
        # While the model is down, what is not meant for the bot is no reason to try it.
        is_considered = events[0].is_addressed or (not self._outage.is_on and await self._agents.thinks(scope))
        return woken_by(scope, events, is_heard=not is_considered)

    def heard(self, scope: str) -> Woken | None:
        """What was said in a scope and is only to be taken note of; None if there is nothing, or a turn comes first."""
        events = self._waiting.heard(scope)
        return woken_by(scope, events, is_heard=True) if events else None

    def goes_on(self, scope: str, turn_id: int) -> None:
        """A turn is to go on before anything else of its scope."""
        turns = self._unfinished.setdefault(scope, [])
        if turn_id not in turns:
            turns.insert(0, turn_id)

    def waits_for_model(self, woken: Woken, turn_id: int) -> None:
        """The same, once the model answers."""
        self.goes_on(woken.scope, turn_id)
        (self._of_clocks.add if woken.is_timed else self._of_clocks.discard)(woken.scope)

    def over(self, scope: str, turn_id: int) -> None:
        """A turn is over, or is not there any more."""
        self._of_clocks.discard(scope)
        turns = self._unfinished.get(scope, [])
        if turn_id in turns:
            turns.remove(turn_id)
        if not turns:
            self._unfinished.pop(scope, None)

    def taken(self, woken: Woken) -> None:
        """Events wait no more, as their turn has begun, or nothing comes of them."""
        for event in woken.events:
            self._waiting.taken(event)

    def wants_turn(self, scope: str) -> bool:
        """Whether a person's message waits for one."""
        return self._waiting.people(scope) > 0

    def gives_way(self, woken: Woken) -> bool:
        """Whether a turn that a clock set off is to end, as a person's message waits."""
        return woken.is_timed and not woken.is_promised and self.wants_turn(woken.scope)
