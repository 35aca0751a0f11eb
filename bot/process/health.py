"""What a bot tells those who watch it: whether it lives, whether it is ready, and how much waits."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from bot.process.supervisor import Supervisor
from memory.sqlite.pulse import Pulse


@dataclass
class Health:
    """How far a bot has come between its start and its end; whoever serves keeps it true.

    Attributes:
        pulse: that of the database, while it is open.
        supervisor: once what an earlier run left was taken up.
        is_stopping: whether it is about to go.
    """

    pulse: Pulse | None = None
    supervisor: Supervisor | None = None
    is_stopping: bool = False

    async def faults(self) -> dict[str, str]:
        """What does not answer any more. Before the database is open there is nothing that could hang."""
        if self.pulse is None or await self.pulse.writes():
            return {}
        return {"database": "nothing could be written for 2 seconds"}

    def unready(self) -> dict[str, str]:
        """Why nobody is answered at this moment, by what is missing; one connected platform is enough."""
        if self.is_stopping:
            return {"bot": "is stopping"}
        if self.pulse is None:
            return {"storage": "is not open yet"}
        if self.supervisor is None:
            return {"earlier turns": "are not taken up yet"}
        given_up = self.supervisor.given_up()
        connected = self.supervisor.connected()
        return {} if any(connected.values()) else {name: given_up.get(name, "is not connected") for name in connected}

    def platforms(self) -> Mapping[str, bool]:
        """Whether each platform is connected."""
        return self.supervisor.connected() if self.supervisor else {}

    async def gauges(self) -> dict[str, float]:
        """What waits and what was put aside, by the names of the gauges."""
        if self.pulse is None:
            return {}
        counts = await self.pulse.counts()
        return {"database_up": 0.0} if counts is None else {"database_up": 1.0, **asdict(counts)}
