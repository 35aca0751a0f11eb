"""HTML, in the encoding that it says it has."""

import codecs
import encodings.aliases
import re
from collections.abc import Iterator

from adapters.documents.html_to_markdown import markdown_of
from adapters.documents.plain_text import decoded
from adapters.ports.documents import Page
from adapters.ports.errors import DocumentUnreadable

# What browsers take for these names; other names are Python's own. Source: https://encoding.spec.whatwg.org/#names-and-labels
_MEANT = {
    "ascii": "cp1252",
    "us-ascii": "cp1252",
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "iso-8859-9": "cp1254",
    "iso-8859-11": "cp874",
    "tis-620": "cp874",
    "windows-874": "cp874",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "x-sjis": "cp932",
    "windows-31j": "cp932",
    "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "big5": "big5hkscs",
    "x-euc-jp": "euc_jp",
    "macintosh": "mac_roman",
    "x-mac-cyrillic": "mac_cyrillic",
}
_OTHERS = (
    "cp1250 cp1251 cp1253 cp1255 cp1256 cp1257 cp1258 cp866 euc_jp iso2022_jp koi8_r koi8_u "
    "iso8859_2 iso8859_3 iso8859_4 iso8859_5 iso8859_6 iso8859_7 iso8859_8 iso8859_10 iso8859_13 iso8859_14 iso8859_15 "
    "iso8859_16 latin_1"
).split()
_KNOWN = frozenset((*_MEANT.values(), *_OTHERS))
for _name in _KNOWN:
    codecs.lookup(_name)  # loads it: a worker cannot open files later

_DECLARED = re.compile(
    rb"""<meta\s[^>]{0,500}?charset\s*=\s*["']?\s*([\w.:-]+)|<\?xml\s[^>]{0,200}?encoding\s*=\s*["']([\w.:-]+)""",
    re.IGNORECASE,
)
_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def pages(content: bytes) -> Iterator[Page]:
    """One page, without a number.

    Raises:
        DocumentUnreadable: it is no text, or nothing of it is to be seen.
    """
    html = decoded_html(content)
    text = markdown_of(html, with_title=True)
    if not text:
        raise DocumentUnreadable("holds no text that is shown")
    yield Page(text)


def decoded_html(content: bytes) -> str:
    """The text of an HTML file: by its mark, its `meta` element or XML declaration, else as other text files.

    Raises:
        DocumentUnreadable: it is no text, or empty.
    """
    declared = None if content.startswith(_MARKS) else _DECLARED.search(content[:4096])
    if declared is not None and b"\x00" not in content:
        label = (declared[1] or declared[2]).decode("ascii", "replace").lower()
        if (codec := _codec(label)) in _KNOWN:
            return content.decode(codec, "replace")
    return decoded(content)


def _codec(label: str) -> str:
    name = encodings.normalize_encoding(label).replace(".", "_")
    return _MEANT.get(label) or encodings.aliases.aliases.get(name, name)
