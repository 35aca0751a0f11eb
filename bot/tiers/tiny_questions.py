"""Which questions ask for something particular, that only what was told or loaded can answer (pure; English).

"How long is the warranty?", "Where is the spare key?", "What is our gate code?": the packaged model would invent it.
"What is the capital of France?" and "How far is the moon?" it may answer itself.
"""

import re

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_ASKS_WHICH = re.compile(
    r"^\s*(?:and |so |but |hey,? |ok(?:ay)?,? )*(?:who|whose|where|when|which|what|how (?:long|much|many|often|old|big"
    r"|large|high|tall|wide|heavy|far|fast|late|early|expensive))\b",
    re.IGNORECASE,
)
# The question ends with the thing, or with the thing and a verb: "the warranty", "the kettle cost". "The capital of
# France" is told apart by what follows it, and what has a capital itself is known to the world.
_THE_THING = re.compile(
    r"\b(?:the|our|this|that)"
    r"(?P<thing>(?: (?!(?:of|in|on|at|for|to|from|with|and|or)\b)[a-zß-öø-ÿ][\w'’-]*){1,3})\s*[?.!]*\s*$"
)
_KNOWN_TO_THE_WORLD = re.compile(
    r"\b(?:sun|moon|earth|world|sky|sea|ocean|universe|planet|solar|internet|equator|alphabet|best|most|least|first"
    r"|(?:larg|bigg|small|tall|high|long|short|fast|slow|old|young|rich|deep|hott|cold|strong|near|clos)est)\b"
)


def asks_for_particular(question: str) -> bool:
    """Whether a question asks for something about a thing that both sides are taken to know."""
    last = _SENTENCE_END.split(question.strip())[-1]
    if not _ASKS_WHICH.search(last):
        return False
    found = _THE_THING.search(last)
    return found is not None and not _KNOWN_TO_THE_WORLD.search(found["thing"])
