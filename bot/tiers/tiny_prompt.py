"""The prompts for the packaged demo model (135 million parameters), which can copy a note and little more.

Measured: with facts in the system prompt it answers 0 to 4 of 6 questions about the person; with at most two notes in
the second person beside the question, and two examples, 6 of 6. So code picks the notes, one of five short prompts,
and checks that an answer says nothing that the notes do not. From documents it quotes.
"""

import re
from collections.abc import Mapping, Sequence

from adapters.ports.model import ChatMessage, Completion, LanguageModel, Sampling
from bot.agent import Agent
from bot.documents.places import Noted
from bot.text import defuse, one_line
from bot.tiers.remembering import SAID, second_person
from bot.tiers.text_tier import Question
from bot.tiers.tiny_greeting import SOCIABLE, Recipe, greeting
from bot.tiers.tiny_questions import asks_for_particular
from memory.ports import Embedder, Kind, Message

SAMPLING = Sampling(temperature=0.0, stop=("\n",))
MAX_TOKENS = 60
MAX_NOTES = 2
MAX_SUMMED_UP = 5
MAX_QUESTION_CHARS = 600
HISTORY = 6
NEAR_ENOUGH = 0.15
"""Cosine similarity from which a note that shares no word with the question is tried."""

NOT_TOLD = "You have not told me"
WILL_REMEMBER = "Got it, I will remember"
YOU_TOLD = "You told me"


def _beside(notes: Sequence[str], question: str) -> str:
    return f"Notes: {' '.join(notes)}\nQuestion: {question}"


_TIGER = "You have a cat called Tiger."
_ASK: Recipe = (
    'You answer questions about the person from the notes, in one short sentence, and call the person "you".',
    (
        (
            _beside(
                ["Your name is Sam.", "You live in Vienna.", _TIGER, "You like jazz."],
                "Can you sum up my notes?",
            ),
            "You are Sam, you live in Vienna, you have a cat called Tiger and you like jazz.",
        ),
        (_beside([_TIGER], "What is my cat called?"), "Your cat is called Tiger."),
    ),
)
_CONFIRM: Recipe = (
    "You confirm in one short sentence what the person asked you to remember.",
    (
        ("New note: You live in Vienna.", f"{WILL_REMEMBER} that you live in Vienna."),
        ("New note: Your cat is called Tiger.", f"{WILL_REMEMBER} that your cat is called Tiger."),
    ),
)
_TELL: Recipe = (
    "You tell the person in one short sentence what they told you.",
    (
        ("Note: You live in Vienna.", f"{YOU_TOLD} that you live in Vienna."),
        ("Note: Your cat is called Tiger.", f"{YOU_TOLD} that your cat is called Tiger."),
    ),
)
_UNKNOWN: Recipe = (
    "You do not know the answer. Say in one short sentence that the person has not told you.",
    (
        ("What is my shoe size?", f"{NOT_TOLD} your shoe size yet."),
        ("Where was I born?", f"{NOT_TOLD} where you were born yet."),
        ("Who is Olga?", f"{NOT_TOLD} who Olga is yet."),
    ),
)
_TALK: Recipe = (
    "You are a friendly assistant. Answer in one or two short sentences.",
    (
        ("Hi there!", "Hello! How can I help you today?"),
        ("I feel happy today.", "That is great to hear! What made you so happy?"),
    ),
)

_COMMON = frozenset(
    "a an the is are am was were be been do does did i me my mine you your yours to in on at for with and or of what "
    "where who when which how why have has had it that this about tell can could please s m re ve ll d t know remember "
    "something anything everything called go they say long much many often".split()
)
_WEAK = frozenset("name favourite favorite like best thing kind".split())
_ASKS = re.compile(
    r"\?\s*$|^\s*(?:and |so |hey,? |ok(?:ay)?,? )*(?:what|where|who|whose|when|which|how|why|do|does|did|am|is|are|was"
    r"|were|have|has|can|could|would|will|tell me|remind me|list|describe)\b",
    re.IGNORECASE,
)
_OF_ONESELF = re.compile(r"\b(my|mine|me|myself|i)\b", re.IGNORECASE)
_ADVICE = re.compile(
    r"\bhow (?:do|can|could|should|would|to) i\b|\b(?:should|may|shall) i\b"
    r"|^\s*(?:can|could|would|will) (?!you (?:please )?(?:tell|remind|say|remember)\b)",
    re.IGNORECASE,
)
_IDIOM = re.compile(r"\b(?:tell|give|show|remind|help|teach|ask|let|send|bring|write|sing|make) me\b", re.IGNORECASE)
_WHO_IS = re.compile(r"^\s*(?:and |so )?who(?:'s| is| was| are)\b", re.IGNORECASE)
_SUM_UP = re.compile(r"\b(about|remember|know|describe|sum up)\b.{0,20}\b(me|myself)\b|who am i\b", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+")
_CLAUSE_END = re.compile(r"(,? and |[,;] )")
_ABOUT_NOTES = re.compile(rf"{NOT_TOLD}|{WILL_REMEMBER}|{YOU_TOLD}|.+: “.+”\Z", re.DOTALL)
_OWN_VOICE = re.compile(r"\b(?:i|i'm|my|mine|me)\b", re.IGNORECASE)
_ALLOWED_VOICE = re.compile(r"\btold me\b|\bi will\b|\bi'll\b", re.IGNORECASE)


class TinyPrompter:
    """See `Prompter`."""

    def __init__(self, model: LanguageModel, embedder: Embedder) -> None:
        self._model = model
        self._embedder = embedder

    async def reply(self, agent: Agent, question: Question) -> Completion:
        """See `Prompter`; usage is not told, as one reply may take several prompts."""
        return Completion(await self._reply(question))

    async def _reply(self, question: Question) -> str:
        if question.text is None:
            return await self._greet(question)
        asked = one_line(question.text, MAX_QUESTION_CHARS)
        core = [second_person(line.removeprefix(SAID)) for line in (*question.core, *question.people)]
        if question.just_saved:
            return await self._confirm([second_person(fact) for fact in question.just_saved])
        is_about_person = _is_about_person(asked, core)
        is_particular = not is_about_person and asks_for_particular(asked)
        told = _told(question, core) if is_about_person or is_particular else []
        if is_particular:
            told = [note for note in told if _bears_on(asked, note)]
        documents = [note for note in question.noted if note.document]
        piece = _piece_that_answers(asked, documents)
        if piece and _shared(asked, piece.with_place) > max((_shared(asked, note) for note in told), default=0.0):
            return f"{piece.place}: “{_sentences_that_answer(asked, piece)}”"  # code quotes better than the model
        if is_about_person:
            return await self._from_notes(asked, core, told, [note.text for note in documents])
        if is_particular:
            return await self._from_notes(asked, (), told, ())
        return await self._ask(_TALK, asked, _history(question.before))

    async def _greet(self, question: Question) -> str:
        notes = [second_person(line.removeprefix(SAID)) for line in question.core]
        wanted = greeting(notes, have_met=bool(question.before))
        said = await self._ask(wanted.recipe, wanted.last) if wanted.recipe else ""
        begins_well = said.startswith(wanted.plain.partition(",")[0] + ",")  # "Hello Ada,"
        return said if begins_well and _is_grounded(said, [wanted.last], SOCIABLE) else wanted.plain

    async def _confirm(self, facts: Sequence[str]) -> str:
        said = await self._ask(_CONFIRM, f"New note: {' '.join(facts)}")
        # The model may garble a word; then code says what was kept.
        if _words(" ".join(facts)).keys() <= _words(said).keys():
            return said
        return f"{WILL_REMEMBER}: {' '.join(facts)}"

    async def _from_notes(self, asked: str, core: Sequence[str], told: Sequence[str], elsewhere: Sequence[str]) -> str:
        """The answer from what was told, or from what is near in meaning, or elsewhere; else that it is unknown."""
        notes = _best_notes(asked, told)
        sums_up = not notes and bool(_SUM_UP.search(asked))
        if sums_up:
            notes = list(core[:MAX_SUMMED_UP])
        is_match = bool(notes)
        notes = notes or await self._nearest(asked, [*told, *elsewhere])
        if notes:
            said = await self._ask(_ASK, _beside(notes, asked))
            if _is_grounded(said, notes, asked):
                return said
        if is_match and not sums_up:
            said = await self._ask(_TELL, f"Note: {notes[-1]}")
            if _is_grounded(said, notes[-1:], asked):
                return said
        if is_match:  # the model cannot say it without inventing; code can
            shown = notes if sums_up else notes[-1:]
            return f"{YOU_TOLD}: {' '.join(shown)}"
        said = await self._ask(_UNKNOWN, asked)
        return said if _words(said).keys() <= _words(asked).keys() | _FILLER.keys() else f"{NOT_TOLD} that yet."

    async def _nearest(self, asked: str, found: Sequence[str]) -> list[str]:
        """Notes near in meaning that share no word with the question, the nearest last."""
        if not found:
            return []
        try:
            question, *notes = await self._embedder.embed([asked, *found])
        except ConnectionError:
            return []
        likeness = [sum(a * b for a, b in zip(question, note, strict=True)) for note in notes]
        near = sorted(range(len(found)), key=likeness.__getitem__)[-MAX_NOTES:]
        return [found[at] for at in near if likeness[at] >= NEAR_ENOUGH]

    async def _ask(self, recipe: Recipe, last: str, history: Sequence[ChatMessage] = ()) -> str:
        system, examples = recipe
        shown = [
            message
            for question, answer in examples
            for message in (ChatMessage("user", question), ChatMessage("assistant", answer))
        ]
        prompt = [ChatMessage("system", system), *shown, *history, ChatMessage("user", last)]
        completion = await self._model.complete(prompt, max_tokens=MAX_TOKENS, sampling=SAMPLING)
        return _whole_sentences(completion.text or "")


def each_clause_once(sentence: str) -> str:
    """Without what it says again: "Your name is Ada, and your name is Ada." → "Your name is Ada."."""
    body = sentence.rstrip(".!?")
    first, *rest = _CLAUSE_END.split(body)
    kept, seen = [first], {first.casefold()}
    for link, clause in zip(rest[::2], rest[1::2], strict=True):
        if clause.casefold() not in seen or " " not in clause:  # "very, very"
            kept += (link, clause)
            seen.add(clause.casefold())
    return "".join(kept) + sentence[len(body) :]


def _history(before: Sequence[Message]) -> list[ChatMessage]:
    """The last few messages before the one at hand, as chat; without what was about notes, whose form it would copy."""
    talk: list[Message] = []
    for message in before:
        if message.kind is Kind.ASSISTANT and _ABOUT_NOTES.match(message.text or ""):
            del talk[-1:]  # what was asked
        else:
            talk.append(message)
    return [
        ChatMessage(
            "user" if message.kind is Kind.USER_MESSAGE else "assistant",
            one_line(defuse(message.text or ""), 200),
        )
        for message in talk[-HISTORY:]
    ]


def _is_about_person(asked: str, notes: Sequence[str]) -> bool:
    if not _ASKS.search(asked) or _ADVICE.search(asked):
        return False
    if _OF_ONESELF.search(_IDIOM.sub(" ", asked)) or _SUM_UP.search(asked):
        return True
    return bool(_WHO_IS.search(asked)) and bool(_best_notes(asked, notes))


def _told(question: Question, core: Sequence[str]) -> list[str]:
    """What was told, each thing once: core memory, what else was said, and notes."""
    facts = [fact.rstrip(".").casefold() for fact in core]
    recalled = [
        " ".join(
            sentence
            for sentence in _SENTENCE_END.split(second_person(line))
            if not any(fact in sentence.casefold() for fact in facts)
        )
        for line in question.recalled
    ]
    notes = [note.text for note in question.noted if note.document is None]
    return list(dict.fromkeys(filter(None, (*core, *recalled, *notes))))


def _piece_that_answers(asked: str, pieces: Sequence[Noted]) -> Noted | None:
    """The piece of a document that is likely to be what a question is about."""
    bearing = [piece for piece in pieces if _ASKS.search(asked) and _bears_on(asked, piece.with_place)]
    return max(bearing, key=lambda piece: _shared(asked, piece.with_place), default=None)


def _bears_on(asked: str, text: str) -> bool:
    """Whether a text shares so many words with a question that it is likely to be about the same."""
    wanted = _words(asked).keys()
    return len(wanted & _words(text).keys()) >= min(2, len(wanted)) > 0


def _shared(asked: str, text: str) -> float:
    """How much of a question's telling words a text holds."""
    held = _words(text)
    return sum(weight for word, weight in _words(asked).items() if word in held)


def _sentences_that_answer(asked: str, piece: Noted) -> str:
    """The sentence of a piece that shares most with a question, and the next: "It lasts 27 months"."""
    text = piece.text
    for heading in re.split(r", | > ", piece.place or ""):  # the place says it
        text = re.sub(rf"^#+ {re.escape(heading)} ", "", text)
    sentences = _SENTENCE_END.split(text)
    held = [_words(sentence).keys() for sentence in (*sentences, piece.place or "")]
    # What stands everywhere ("kettle", in a kettle's manual) tells the least.
    weights = {word: 1 / (1 + sum(word in words for words in held)) for word in _words(asked)}
    best = max(range(len(sentences)), key=lambda at: sum(weights.get(word, 0.0) for word in held[at]))
    return " ".join(sentences[best : best + 2])


def _best_notes(asked: str, notes: Sequence[str]) -> list[str]:
    """The notes that share most with the question, the best one last, nearest to it."""
    scores = [_shared(asked, note) for note in notes]
    best = max(scores, default=0.0)
    if best <= 0:
        return []
    ranked = sorted(range(len(notes)), key=lambda at: (-scores[at], at))[:MAX_NOTES]
    return [notes[at] for at in reversed(ranked) if scores[at] >= 0.6 * best]


def _is_grounded(said: str, notes: Sequence[str], asked: str) -> bool:
    """Whether an answer says nothing that neither the notes nor the question hold, and not in the person's voice."""
    known = _words(" ".join(notes)).keys() | _words(asked).keys() | _FILLER.keys()
    voice = _ALLOWED_VOICE.sub("", said.replace("’", "'"))
    return bool(said.strip()) and _words(said).keys() <= known and not _OWN_VOICE.search(voice)


def _words(text: str) -> Mapping[str, float]:
    """The telling words of a text, without endings, with their weights."""
    found = re.findall(r"[^\W_]+", text.lower().replace("’", "'"))
    return {_stem(word): 0.4 if word in _WEAK else 1.0 for word in found if word not in _COMMON}


def _stem(word: str) -> str:
    for ending in ("ies", "ing", "es", "ed", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word.removesuffix(ending)
            break
    return word[:-1] if word.endswith("e") and len(word) > 3 else word


_FILLER = _words(
    "you are told yet not sure sorry yes no answer notes okay got will also just so your person name called favourite"
)


def _whole_sentences(text: str, most: int = 2) -> str:
    """At most two whole sentences, nothing twice; an unfinished one only if it is all there is."""
    sentences = list(dict.fromkeys(_SENTENCE_END.split(" ".join(text.split()))))
    if len(sentences) > 1 and not re.search(r"[.!?][\"')\]]*$", sentences[-1]):
        sentences.pop()
    return " ".join(each_clause_once(sentence) for sentence in sentences[:most])
