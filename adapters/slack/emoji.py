"""The names by which Slack knows emojis (pure)."""

import unicodedata

_NAMES = {
    "👍": "+1",
    "👎": "-1",
    "❤": "heart",
    "💔": "broken_heart",
    "😂": "joy",
    "🤣": "rolling_on_the_floor_laughing",
    "😀": "grinning",
    "😃": "smiley",
    "😄": "smile",
    "😁": "grin",
    "😅": "sweat_smile",
    "😊": "blush",
    "🙂": "slightly_smiling_face",
    "😉": "wink",
    "😍": "heart_eyes",
    "🤔": "thinking_face",
    "😢": "cry",
    "😭": "sob",
    "😮": "open_mouth",
    "😱": "scream",
    "😡": "rage",
    "😎": "sunglasses",
    "😴": "sleeping",
    "😬": "grimacing",
    "🙃": "upside_down_face",
    "🤗": "hugging_face",
    "🤷": "shrug",
    "🤦": "face_palm",
    "🙏": "pray",
    "👏": "clap",
    "🙌": "raised_hands",
    "👋": "wave",
    "👌": "ok_hand",
    "💪": "muscle",
    "✌": "v",
    "🤝": "handshake",
    "👀": "eyes",
    "🎉": "tada",
    "🔥": "fire",
    "🚀": "rocket",
    "⭐": "star",
    "✨": "sparkles",
    "💯": "100",
    "✅": "white_check_mark",
    "✔": "heavy_check_mark",
    "❌": "x",
    "❓": "question",
    "❗": "exclamation",
    "⚠": "warning",
    "💡": "bulb",
    "📌": "pushpin",
    "📝": "memo",
    "📚": "books",
    "⏰": "alarm_clock",
    "⏳": "hourglass_flowing_sand",
    "🐛": "bug",
    "☕": "coffee",
    "🍵": "tea",
    "🎂": "birthday",
    "🌱": "seedling",
    "☀": "sunny",
    "🌙": "crescent_moon",
}
"""Those that people use, and agents; of others their Unicode name is tried, which is often Slack's."""

_SHAPES = str.maketrans("", "", "\ufe0e\ufe0f")
_TONES = {chr(code) for code in range(0x1F3FB, 0x1F400)}


def name_of(emoji: str) -> str:
    """The name of an emoji that was given as it looks, or by a name, in colons or without."""
    bare = "".join(each for each in emoji.strip().translate(_SHAPES) if each not in _TONES)
    if bare.isascii():
        return bare.strip(":").lower()
    if bare in _NAMES:
        return _NAMES[bare]
    return "_".join(unicodedata.name(bare[0], "").lower().replace("-", " ").split())
