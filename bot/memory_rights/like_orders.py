"""What in memory reads like an order to the agent, and not like a fact (pure): a heuristic, for a mark beside a change.

Nothing is refused for it: whoever looks through the changes is to see at once which of them want a second look. It
knows common forms in some languages; who words an order otherwise goes unmarked.
"""

import re
from collections.abc import Iterator

_FLAG = "\N{WAVING BLACK FLAG}"
# Directions, tags (but those of flags), and signs without width; joiners stand in emoji and in many scripts.
_HIDDEN = re.compile(
    rf"(?<!{_FLAG})(?<![\U000e0000-\U000e007f])[\U000e0000-\U000e007f]+"
    "|[\u200b\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]"
)

_ALL = r"(?:all|any|every|the|your|my|these|those|of|whatever)\b\s*"
_OF_BEFORE = r"(?:previous|prior|earlier|above|preceding|existing|original|former|system|safety)"
_ORDERS = r"(?:instructions?|rules?|prompts?|directives?|orders?|guidelines?|messages?|restrictions?|context)"
_TELLS = (
    r"(?:tell|say|reveal|repeat|send|post|share|show|print|mention|answer|reply|respond|obey|follow|trust|believe"
    r"|ignore|refuse|add|include|append|forward|give|recommend|call|run|execute|remember|forget|delete|reset)"
)
_AT_START = r"(?:^|[.:;!?,\"'(\n-]\s*|\b(?:and|then|please|but|must|should|shall)\s+)"
_TOOLS = (
    r"core_memory_\w+|conversation_search(?:_date)?|archival_memory_\w+|send_message|stay_silent|schedule_follow_up"
    r"|cancel_follow_up|list_follow_ups|pause_heartbeats|request_heartbeat"
)

_MARKS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "it sets aside instructions",
        (
            rf"\b(?:ignor(?:e|ing)|disregard|forget|overrid(?:e|es|ing)|bypass|discard|drop)\s+(?:{_ALL}){{0,4}}"
            rf"(?:{_OF_BEFORE}\s+)+(?:{_ORDERS})?",
            rf"\b(?:ignore|disregard|override|bypass)\s+(?:{_ALL}){{0,4}}{_ORDERS}",
            r"\bnew (?:system )?(?:instructions?|rules?|orders?|prompt)\b\s*[:=]|\bsystem prompt\b|\bjailbreak",
            r"\b(?:ignorier\w*|missacht\w*|vergiss|vergesst)\b.{0,30}\b(?:anweisung|regel|befehl|vorgabe)",
            r"\b(?:ignor\w+|oubli\w+)\b.{0,30}\b(?:instructions|consignes|règles|ordres)\b",
            r"\b(?:ignor\w+|olvid\w+|esquec\w+|dimentic\w+)\b.{0,30}\b(?:instruc|instruç|istruzion|reglas|regras|regole)",
            r"(?:игнорируй|забудь|не обращай внимания).{0,30}(?:инструкци|указани|правил)",
            r"(?:忽略|无视|忘记|無視).{0,12}(?:指令|指示|说明|規則|规则)|(?:指示|指令|ルール)を(?:すべて)?(?:無視|忘れ)",
        ),
    ),
    (
        "it bears the mark of a role",
        (
            r"<\|[\w ]{1,30}\|?>|</?s>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>",
            r"</?(?:system|assistant|developer|instructions?|admin)\b[^>]{0,40}>|\[(?:system|admin)\b[^\]]{0,40}\]",
            r"(?:^|\n)\s*(?:#{1,6}\s*|\*\*)?(?:system|assistant|developer|human|user)(?: message| prompt)?"
            r"(?:\*\*)?\s*:",
            r"\"role\"\s*:\s*\"|\"type\"\s*:\s*\"(?:system_alert|user_message|heartbeat|login)\"",
        ),
    ),
    (
        "it is written like a call of a tool",
        (rf"\b(?:{_TOOLS})\b", r"</?tool_call>|</?function|\"(?:tool_calls|arguments|function)\"\s*:"),
    ),
    (
        "it claims rights",
        (
            r"\b(?:is|am|are|be|became|as)\s+(?:an?\s+|the\s+|your\s+|now\s+|also\s+|my\s+)*(?:admin(?:istrator)?s?|root"
            r"|super-?users?|owners? of (?:this|the) (?:bot|server|channel|workspace)|bot owners?|(?:new )?master)\b",
            r"\b(?:full|admin|owner|moderator|root|unrestricted|unlimited|all)[- ]?(?:access|rights?|permissions?"
            r"|privileges?)\b",
            r"\b(?:is|are|am)\s+(?:allowed|authori[sz]ed|permitted|cleared|entitled)\s+to\s+(?:see|read|reset|delete|use"
            r"|access|know|hear|change|give|do)\b",
            r"\b(?:ist|bin)\s+(?:ein\s+|der\s+|die\s+)?admin|\best\s+(?:un\s+|l')?admin|\bes\s+(?:un\s+|el\s+)?admin",
        ),
    ),
    (
        "it sends something to an address",
        (
            r"!\[[^\]\n]{0,200}\]\(\s*https?:",
            r"https?://[^\s{<\[$]{1,200}[{<\[$]",
            r"\b(?:send|post|upload|forward|e-?mail|append|leak|submit|report|deliver|copy|load|fetch|open|visit)\b(?!:)"
            r"[^.\n]{0,80}(?:https?://|www\.|\b[\w.+-]+@[\w-]+\.\w)",
        ),
    ),
    (
        "it tells me what to do",
        (
            rf"{_AT_START}(?:always|never|do not|don['’]?t|only|at once|immediately)\s+(?:\w+\s+){{0,2}}?{_TELLS}\b",
            r"\byou\s+(?:must|shall|should|have to|are to|need to|will (?:now|always|never)|may not|can(?:not|'t)"
            r"|are now|no longer)\b",
            r"\bfrom now on\b|\b(?:act|behave|respond|speak|pose) as (?:if|an?|the|though)\b",
            r"\bpretend (?:to|that|you)\b",
            r"\byour (?:new |real |true |only )?(?:role|task|job|purpose|goal|instructions?|rules?) (?:is|are)\b",
            rf"\b(?:when(?:ever)?|if|once|as soon as|every time)\b[^.\n]{{1,80}}?[,:]?\s(?:then )?{_TELLS}\b",
            r"\b(?:ab jetzt|von nun an|du (?:musst|sollst|darfst)|(?:antworte|sage?) (?:immer|nur|nie|allen))\b",
            r"\b(?:à partir de maintenant|dorénavant|tu dois|vous devez|réponds toujours|ne (?:dis|révèle) jamais)\b",
            r"\b(?:a partir de (?:ahora|agora)|debes|responde siempre|nunca (?:digas|reveles)|d'ora in poi|devi)\b",
            r"с этого момента|ты (?:должен|должна)|отвечай (?:всегда|только)|никогда не (?:говори|раскрывай)",
            r"从现在开始|你必须|永远不要|今後は|必ず.{0,20}(?:答え|言っ)",
        ),
    ),
)
_COMPILED = tuple((why, re.compile("|".join(f"(?:{form})" for form in forms), re.IGNORECASE)) for why, forms in _MARKS)

MAX_READ_CHARS = 8_000
"""Of a longer text the rest is not read."""


def why_like_orders(text: str) -> str | None:
    """What makes a text read like an order, in a few words for people; None if it reads like any other."""
    return "; ".join(_reasons(text[:MAX_READ_CHARS])) or None


def with_hidden_shown(text: str) -> str:
    """A text in which characters that nobody sees, or that turn the others round, are written as their numbers."""
    return _HIDDEN.sub(lambda found: "".join(f"‹U+{ord(character):04X}›" for character in found.group()), text)


def _reasons(text: str) -> Iterator[str]:
    if _HIDDEN.search(text):
        yield "it holds characters that nobody sees"
    plain = _HIDDEN.sub("", text)
    for why, form in _COMPILED:
        if form.search(plain):
            yield why
