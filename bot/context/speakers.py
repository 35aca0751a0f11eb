"""Who is speaking in a channel, and what core memory has of them (pure)."""

from bot.agent import Agent
from memory.core.core_memory import Block, person_label
from memory.ports import Kind

MOST = 5
"""People whose notes are in view."""

MOST_MESSAGES = 20
"""Of what people said, the newest so many messages tell who is speaking."""


def known_speakers(agent: Agent) -> tuple[tuple[Block, str], ...]:
    """The blocks of the people who are speaking, with their names; whoever spoke last comes first."""
    blocks = {block.label: block for block in agent.core.people}
    if not blocks:
        return ()
    said = [queued.message for queued in agent.queue if queued.message.kind is Kind.USER_MESSAGE]
    names: dict[str, str] = {}
    for message in reversed(said[-MOST_MESSAGES:]):
        if message.author_id is not None:
            names.setdefault(person_label(message.author_id), message.author_name or message.author_id)
    return tuple((blocks[label], name) for label, name in list(names.items())[:MOST] if label in blocks)
