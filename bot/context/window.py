"""The model's context window: how it is shared out, going by how the model's server counts."""

import math
from collections import OrderedDict
from dataclasses import dataclass

from bot.context.speakers import MOST
from bot.context.token_ratio import TokenRatio
from bot.errors import ContextTooSmall

MIN_FREE_TOKENS = 400
"""What core memory, summary and queue need at least, together."""

MIN_QUEUE_TOKENS = 100
"""What the queue needs at least."""

SLOWLY = 0.05
MOST_AGENTS = 10_000

STEP = 0.1
"""The shares follow the server's count in steps of this, as each may change what the prompts begin with."""


@dataclass(frozen=True, slots=True)
class Room:
    """How a context window is shared out, in tokens. In a small window everything shrinks with it.

    `window`, `limit` (the largest prompt) and `reply` are as the server counts, all others as we do. `core` is for core
    memory as it stands in view, `block` for one of its blocks, beyond which it does not grow. `person` is for the block
    on one of the people of a channel, `people` for those blocks that are in view at once. `material` is what can be
    summarized at once.
    """

    window: int
    limit: int
    core: int
    block: int
    person: int
    people: int
    summary: int
    message: int
    result: int
    reply: int
    material: int

    @classmethod
    def of(cls, window: int, block_tokens: int, fixed: int, flush: float = 1.0) -> "Room":
        """The shares of a window whose server counts as we do.

        Args:
            window: tokens that prompt and answer share.
            block_tokens: the most that a block of core memory may take.
            fixed: what instructions and tools take.
            flush: the part of the window that a prompt may take.

        Raises:
            ContextTooSmall: instructions and tools leave no room for memory and a conversation.
        """
        reply = min(2048, window // 8)
        if window - fixed - reply < MIN_FREE_TOKENS:
            raise ContextTooSmall(
                f"Instructions and tools take {fixed} tokens of a window of {window}; at least "
                f"{fixed + reply + MIN_FREE_TOKENS} are needed. Use a model with a larger window, or set "
                "LLM_CONTEXT_WINDOW if this one's is larger than that."
            )
        return cls.counted(window, block_tokens, fixed, flush, 1.0)

    @classmethod
    def counted(cls, window: int, block_tokens: int, fixed: int, flush: float, ratio: float) -> "Room":
        """The shares of a window whose server finds so many tokens for one of ours, if only the least there are."""
        reply = min(2048, window // 8)
        limit = min(round(flush * window), window - reply)
        free = max(int(limit / ratio) - fixed, MIN_FREE_TOKENS // 2)
        own = int(window / ratio)
        block = min(block_tokens, own // 8, free // 6)
        person = min(block // 4, 200)
        people = min(MOST * person, free // 8)
        summary = min(800, own // 8, free // 6)
        return cls(
            window=window,
            limit=limit,
            core=free - summary - people - free // 4,
            block=block,
            person=person,
            people=people,
            summary=summary,
            message=min(own // 4, free // 4),
            result=min(2000, own // 8, free // 4),
            reply=reply,
            material=max(MIN_QUEUE_TOKENS, own // 2 - 2 * summary),
        )


class Window:
    """A model's window, whose shares follow what its server counts.

    So an agent never fills itself beyond what will be sent. What it was given by a looser count it keeps; see
    `ContextCompiler.prefix`. How the server counts differs from agent to agent with the language that is spoken: an
    agent's prompts go by its own count, the shares, which all have in common, by the dearest of late.

    Attributes:
        room: how it is shared out now.
    """

    def __init__(self, tokens: int, block_tokens: int, fixed: int, flush: float = 1.0) -> None:
        """As `Room.of`, and raises what that raises."""
        self.room = Room.of(tokens, block_tokens, fixed, flush)
        self._shares = (tokens, block_tokens, fixed, flush)
        self._shared_by = 1.0
        self._of_all = TokenRatio(down=SLOWLY)
        self._of_agents: OrderedDict[int, TokenRatio] = OrderedDict()

    def ratio_of(self, agent_id: int) -> float:
        """Tokens that the server finds for one of ours in the prompts of an agent."""
        own = self._of_agents.get(agent_id)
        return own.value if own is not None else self._of_all.value

    def learn(self, agent_id: int, ratio: float) -> None:
        """Take in what the server has found for one token of ours in a prompt of an agent."""
        self._of_agents.setdefault(agent_id, TokenRatio()).learn(ratio)
        self._of_agents.move_to_end(agent_id)
        if len(self._of_agents) > MOST_AGENTS:
            self._of_agents.popitem(last=False)
        self._of_all.learn(ratio)
        if not self._shared_by - 2 * STEP <= self._of_all.value <= self._shared_by:
            self._share(max(1.0, math.ceil(self._of_all.value / STEP) * STEP))

    def _share(self, ratio: float) -> None:
        if ratio != self._shared_by:
            self._shared_by = ratio
            self.room = Room.counted(*self._shares, ratio)
