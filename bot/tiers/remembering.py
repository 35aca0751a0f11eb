"""Plain requests to remember, found by code for models that call no tools (pure; English).

"My name is Ada", "remember that I park on level 3", "don't forget I have an exam on Friday" become fact lines in the
person's own words. Questions, conditions, quotations, hearsay and denials do not.
"""

import re
from collections.abc import Iterator

MAX_FACTS = 3
MAX_FACT_CHARS = 160
MAX_READ_CHARS = 4000

SAID = "They say: "
"""How a fact stands in core memory: as the person's words, so that "my" and "I" are theirs."""

_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+|\n+")
_QUOTED = re.compile(r"\"[^\"]*\"|“[^”]*”|«[^»]*»|„[^“”]*[“”]|`[^`]*`|(?<!\w)'[^']*'(?!\w)")
_GREETING = re.compile(
    r"^(?:(?:hi|hello|hey|ok|okay|well|so|oh|and|also|by the way|btw|actually|yes|no worries|thanks|thank you"
    r"|good morning|good evening)\b[\s,!.:;–—-]*)+",
    re.IGNORECASE,
)
_ORDER = re.compile(
    r"^(?:please\s+|pls\s+|(?:can|could|will|would)\s+you\s+(?:please\s+)?|i(?:'d| would) like you to\s+"
    r"|i want you to\s+)*"
    r"(?:remember|don'?t forget|do not forget|never forget|note(?: down)?|make a note|keep in mind|bear in mind"
    r"|memori[sz]e|save|store)(?:\s+(?:please|this|that down|the following))*"
    r"\s*(?P<link>:|,|\bthat\b|–|—|-(?=\s))?\s*(?P<fact>.+)$",
    re.IGNORECASE,
)
_ORDER_ALONE = re.compile(
    r"(?:please )?(?:remember|don't forget|note|keep in mind)(?: this| the following)?\s*[:.!]", re.IGNORECASE
)
_POLITE_ORDER = re.compile(
    r"^(?:can|could|will|would) you (?:please )?(?:remember|note|keep in mind|save|memori[sz]e)\b"
    r"(?=.*\b(?:that|my|:)\b)",
    re.IGNORECASE,
)
_ASKS_WHETHER_REMEMBERED = re.compile(r"\b(?:can|could) you remember\s+(?!that\b|please\b|:)", re.IGNORECASE)
_NOT_A_FACT = re.compile(
    r"^(?:when|how|what|where|why|who|whose|which|if|whether|the time|to\b|me\b|us\b|it\b|this\b|that\b|these\b|those\b"
    r"|them\b|him\b|her\b|all of|everything\b|nothing\b|about\b|as\b)",
    re.IGNORECASE,
)
_HAS_A_VERB = re.compile(
    r"\b(?:is|are|am|was|were|has|have|had|'s|'m|'ve|'re|im|i|we|my|our|[a-z]+s|[a-z]+ed)\b", re.IGNORECASE
)
_BEGINS_A_CLAUSE = re.compile(r"(?:[Ii]\b|[Ii]'m|[Ii]'ve|[Ii]m\b|[Mm]y\b|[Ww]e\b|[Oo]ur\b|[Tt]he\b|[A-Z])")
_UNSURE = re.compile(
    r"\b(?:if|suppose|supposing|imagine|pretend|assuming|unless|what if|let's say|maybe|perhaps|might|would|wish"
    r"|used to|as if|say that|hypothetically|whether)\b",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"\b(?:not|never|no longer|isn['’]?t|aren['’]?t|wasn['’]?t|don['’]?t|doesn['’]?t|didn['’]?t|haven['’]?t|cannot"
    r"|can['’]?t|won['’]?t)\b",
    re.IGNORECASE,
)
_HEARSAY = re.compile(
    r"^(?:he|she|they|someone|somebody|people|\w+)\s+(?:said|says|told|thinks|thought|asked|wrote|claims?|believes?"
    r"|sings?)\b|\b(?:said|says|told me|wrote|sings?)\b\s*[:,]?\s*(?:that\b|i\b|my\b|$)"
    r"|\b(?:the song|the film|the book|lyrics|in the story|my character)\b",
    re.IGNORECASE,
)
_OWNED = (
    r"(?:nickname|surname|(?:first|last|middle|full|maiden|pet)\s+name|birthday|birth\s?date|job|profession|age"
    r"|address|e-?mail(?: address)?|phone(?: number)?|home ?town|hobby|hobbies|mother|mom|mum|father|dad|sister|brother"
    r"|wife|husband|partner|girlfriend|boyfriend|fianc[ée]e?|son|daughter|child|children|kids?|parents|aunt|uncle|cousin"
    r"|niece|nephew|grand(?:mother|father|ma|pa|son|daughter)|(?:best )?friend|boss|doctor|teacher|dog|cat|pet|horse"
    r"|bird|car|company|school|favou?rite [\w' -]{2,30}?)"
)
# A name is written with a capital: "call me Ada", but not "call me before lunch".
_NAME = r"(?-i:[A-ZÀ-ÞĀ-Ž][\w'-]*(?: [A-ZÀ-ÞĀ-Ž][\w'-]*){0,2})(?=\W*$|[,;.!]| and\b| but\b| please\b| thanks\b)"
_STATEMENTS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"^my (?:\w+ )?{_OWNED}(?:'s (?:name|birthday|job))? (?:is|are) (?:called |named )?"
        r"(?!a joke\b|so\b|very\b|too\b|ill\b|sick\b|late\b|here\b|there\b|gone\b|out\b|\w+ing\b)\S",
        rf"^(?:i am|i'm|im) (?:called|named) {_NAME}",
        rf"^my name is {_NAME}",
        r"^my name is [^\W\d_][\w'-]*[.!]*$",
        r"^my name is [^\W\d_][\w'-]*(?=[,;]| and\b| but\b| by the way\b)",
        rf"^(?:please )?(?:you can |you may |just )?call me {_NAME}",
        r"^i (?:live|was born|grew up) (?:in|at|on|near) (?!fear|hope|a dream|the moment|the past)\S",
        r"^(?:i am|i'm|im|i come) from (?!here\b|there\b|now\b)\S",
        r"^i work (?:as|at|for|in) (?!the morning|the evening|progress|silence|vain|a hurry)\S",
        r"^(?:i am|i'm|im) allergic to (?!you\b|this\b|that\b|it\b|mondays?\b|work\b)\S",
        r"^(?:i am|i'm|im) (?:a |an )?(?:vegan|vegetarian|diabetic|c(?:o)?eliac|left-handed|colou?r-?blind"
        r"|lactose intolerant|married|single|divorced|retired|\d{1,3} years old)\b",
        r"^i(?: have|'ve got| have got|'ve) (?:a|an|one|two|three|four|five|\d+) (?:\w+ )?(?:dogs?|cats?|pets?|horses?"
        r"|birds?|rabbits?|sisters?|brothers?|sons?|daughters?|kids?|children|wife|husband|girlfriend|boyfriend"
        r"|twins?)\b",
        r"^i (?:play the|speak|study|collect) (?!to\b|with\b|for\b|too\b|of\b|up\b|about\b)\S",
    )
)
_NAME_ORDER = re.compile(
    r"^(?:(?:i am|i'm|im) (?:called|named)|(?:please )?(?:you can |you may |just )?call me) (?P<name>.+)$",
    re.IGNORECASE,
)
_COURTESY = re.compile(r"\s*,?\s*(?:please|thanks|thank you|ok(?:ay)?|by the way|btw)$", re.IGNORECASE)
_NEXT_CLAUSE = re.compile(
    r"[,;]\s+(?:and|but|so|what|how|can|could|do|does|is|are|please|where|who|when|which|because)\b"
    r"|\s+(?:and|but|so)\s+(?:i|you|he|she|we|they|it|my|what|how|can|could|please)\b(?!\s+(?:name|sister|brother)\b)"
    r"|\s[–—]\s",
    re.IGNORECASE,
)
# "My name is Ada and I live in Lisbon": two statements. (Only where each stands by itself.)
_JOINT = re.compile(r",?\s+and\s+(?=(?:i|i'm|my)\b)", re.IGNORECASE)
_SUBJECT = re.compile(
    r"^(?:my (?:[\w'-]+ ){1,3}?(?:is|are)\b|i (?:live|work|was born)\b|i am (?=\d+ years)|i am from\b)",
    re.IGNORECASE,
)
_TO_SECOND_PERSON = tuple(
    (re.compile(pattern, re.IGNORECASE), words)
    for pattern, words in (
        (r"\bi am\b|\bi['’]?m\b", "you are"),
        (r"\bi was\b", "you were"),
        (r"\bam i\b", "are you"),
        (r"\bwas i\b", "were you"),
        (r"\bi['’]ve\b", "you have"),
        (r"\bi['’]ll\b", "you will"),
        (r"\bi['’]d\b", "you would"),
        (r"\bi\b(?!\.\w)|\bme\b", "you"),
        (r"\bmy\b", "your"),
        (r"\bmine\b", "yours"),
        (r"\bmyself\b", "yourself"),
    )
)


def facts_to_remember(text: str) -> list[str]:
    """The facts that a message asks to be remembered, each a sentence in the person's own words, at most three."""
    found: list[str] = []
    for sentence, is_ordered in _sentences(text):
        fact = _ordered_fact(sentence) if is_ordered else _stated_fact(sentence)
        if fact and fact not in found:
            found.append(fact)
    return found[:MAX_FACTS]


def same_subject(fact: str, other: str) -> bool:
    """Whether a fact takes another's place: two names, two homes."""
    mine, theirs = _SUBJECT.match(fact), _SUBJECT.match(other)
    return bool(mine and theirs) and mine.group().lower() == theirs.group().lower()  # type: ignore[union-attr]


def second_person(sentence: str) -> str:
    """The same said to the person: "My name is Ada." → "Your name is Ada."."""
    for pattern, words in _TO_SECOND_PERSON:
        sentence = pattern.sub(words, sentence)
    return sentence[:1].upper() + sentence[1:]


def _sentences(text: str) -> Iterator[tuple[str, bool]]:
    """Sentences that may hold a fact, and whether each begins with an order to remember."""
    flat = re.sub(r"[ \t\r\f\v]+", " ", text[:MAX_READ_CHARS].replace("’", "'").replace("‘", "'"))
    order_before = False
    for piece in _SENTENCE_END.split(flat):
        sentence = _GREETING.sub("", (piece or "").strip()).strip()
        if not sentence or sentence.startswith(">"):
            continue
        if order_before:  # "Please remember:", then the fact on the next line
            order_before, sentence = False, f"remember: {sentence}"
        if _ORDER_ALONE.fullmatch(sentence):
            order_before = True
            continue
        is_polite = _POLITE_ORDER.match(sentence) and not _ASKS_WHETHER_REMEMBERED.search(sentence)
        if sentence.rstrip("\"')").endswith("?") and not is_polite:
            continue
        if _ORDER.match(sentence):
            yield sentence, True
        else:
            for part in _JOINT.split(sentence):
                yield part, False


def _ordered_fact(sentence: str) -> str | None:
    order = _ORDER.match(sentence)
    if order is None:
        return None
    fact = order["fact"]
    if _NOT_A_FACT.match(fact) or not _HAS_A_VERB.search(fact):
        return None
    if order["link"] is None and not _BEGINS_A_CLAUSE.match(fact):
        return None
    unquoted = _QUOTED.sub(" ", fact)
    if len(unquoted.split()) < 2 or _UNSURE.search(unquoted) or _HEARSAY.search(unquoted):
        return None
    return _as_sentence(fact)


def _stated_fact(sentence: str) -> str | None:
    is_clear = not (_QUOTED.search(sentence) or _UNSURE.search(sentence) or _HEARSAY.search(sentence))
    if not is_clear or not any(statement.match(sentence) for statement in _STATEMENTS):
        return None
    fact = _as_sentence(sentence)
    return None if fact is None or _DENIED.search(fact) else fact


def _as_sentence(fact: str) -> str | None:
    fact = " ".join(fact.split()).strip(" \t,;:–—-\"'“”.!?…")
    if (name := _NAME_ORDER.match(fact)) is not None:
        fact = f"my name is {_COURTESY.sub('', name['name'])}"
    fact = _NEXT_CLAUSE.split(_COURTESY.sub("", fact), maxsplit=1)[0].strip(" ,;:")
    if len(fact) > MAX_FACT_CHARS:
        fact = fact[:MAX_FACT_CHARS].rpartition(" ")[0].rstrip(" ,;:")
    if len(fact) < 3 or not re.search(r"\w\s+\S", fact):
        return None
    return f"{fact[0].upper()}{fact[1:]}."
