"""Files that are damaged, protected or meant to do harm: a line for each, and the next one is read."""

import io
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.documents.converted import ConvertedReader, Limits
from adapters.documents.testing import CONTENT_TYPES, archive, docx, epub, locked_pdf, pdf, pptx, sheet_xml, xlsx
from adapters.ports.documents import Page
from adapters.ports.errors import DocumentUnreadable

LAUGHS = (
    '<!DOCTYPE lolz [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><lolz>&c;</lolz>'
)
ENCRYPTED = "<encryption xmlns:e='e'><e:CipherReference URI='OEBPS/a.xhtml'/></encryption>"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 600
FAR = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'


@pytest.fixture
async def reader() -> AsyncIterator[ConvertedReader]:
    made = ConvertedReader()
    yield made
    await made.close()


def put(name: str, content: bytes | str) -> Path:
    path = Path(name)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


async def fault(reader: ConvertedReader, name: str, content: bytes | str) -> str:
    path = put(name, content)
    with pytest.raises(DocumentUnreadable) as caught:
        await reader.read(path)
    return str(caught.value)


async def is_well(reader: ConvertedReader) -> bool:
    return (await reader.read(put("well.pdf", pdf("All is well")))).pages == (Page("All is well", 1),)


def claiming(members: dict[str, str | bytes], size: int) -> bytes:
    """A zip file whose table of contents says that its last member unpacks to so many bytes."""
    content = bytearray(archive(members))
    entry = content.rindex(b"PK\x01\x02")
    content[entry + 24 : entry + 28] = size.to_bytes(4, "little")
    return bytes(content)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        pytest.param("a.pdf", locked_pdf(), "is protected by a password", id="locked pdf"),
        pytest.param(
            "a.docx", OLE + "EncryptedPackage".encode("utf-16-le"), "protected by a password", id="locked docx"
        ),
        pytest.param("a.xlsx", OLE, "is of an older format, no Excel workbook", id="old xls"),
        pytest.param(
            "a.epub",
            epub({"a.xhtml": b"\x8f\x01"}, {"META-INF/encryption.xml": ENCRYPTED}),
            "is protected: its chapters are encrypted",
            id="locked epub",
        ),
        pytest.param("a.pdf", pdf("", ""), "its pages are pictures or empty", id="scanned pdf"),
        pytest.param("a.docx", docx(""), "holds no text", id="docx without text"),
        pytest.param("a.html", "<script>x</script><p hidden>x", "holds no text that is shown", id="html without text"),
        pytest.param("a.csv", "name,age\n", "holds no rows", id="csv without rows"),
        pytest.param("a.xlsx", xlsx({"-Hidden": [[1]]}), "holds no rows", id="hidden sheets only"),
        pytest.param("a.pptx", pptx(("", "")), "holds no text", id="slides without text"),
        pytest.param("a.pdf", "no pdf at all", "is no PDF", id="text as pdf"),
        pytest.param("a.docx", pdf("x"), "is no Word document", id="pdf as docx"),
        pytest.param("a.epub", docx("x"), "is no EPUB book", id="docx as epub"),
        pytest.param("a.docx", xlsx({"A": [[1]]}), "is damaged, or no Word document", id="xlsx as docx"),
        pytest.param("a.xlsx", docx("x"), "is damaged, or no Excel workbook", id="docx as xlsx"),
        pytest.param("a.html", b"\x89PNG\r\n\x00\x00", "is no text", id="picture as html"),
        pytest.param("a.csv", b"\x00\x01\x02", "is no text", id="binary as csv"),
        pytest.param("a.pdf", pdf("x" * 900)[:120], "is damaged", id="cut pdf"),
        pytest.param("a.docx", docx("x" * 900)[:-40], "is damaged", id="cut docx"),
        pytest.param(
            "a.docx", claiming({"[Content_Types].xml": "x", "b": b"\0" * 999}, 9), "is damaged", id="false size"
        ),
        pytest.param(
            "a.docx", claiming({"[Content_Types].xml": "x", "b": "y"}, 2**30), "would unpack to", id="zip bomb"
        ),
        pytest.param(
            "a.epub", claiming({"META-INF/container.xml": "x", "b": "y"}, 2**30), "would unpack to", id="epub bomb"
        ),
        pytest.param(
            "a.xlsx", claiming({"[Content_Types].xml": "x", "b": "y"}, 2**30), "would unpack to", id="xlsx bomb"
        ),
        pytest.param("a.docx", docx(more={"word/document.xml": LAUGHS}), "defines XML entities", id="xml bomb docx"),
        pytest.param("a.pptx", archive({"ppt/presentation.xml": LAUGHS}), "defines XML entities", id="xml bomb pptx"),
        pytest.param(
            "a.epub",
            archive({"META-INF/container.xml": LAUGHS.encode("utf-16")}),
            "defines XML entities",
            id="xml bomb in utf-16",
        ),
        pytest.param(
            "a.epub", epub({"../../../etc/passwd": ""}, {"OEBPS/x": "y"}), "holds no text", id="way out of epub"
        ),
        pytest.param("a.docx", docx(more={"word/document.xml": "<a>" * 20_000}), "is", id="deep docx"),
        pytest.param("a.docx", archive({"[Content_Types].xml": CONTENT_TYPES}), "is damaged", id="empty docx"),
    ],
)
async def test_a_file_that_cannot_be_read_is_one_clear_line(
    reader: ConvertedReader, name: str, content: bytes | str, told: str
) -> None:
    line = await fault(reader, name, content)
    assert told in line
    assert "\n" not in line
    assert await is_well(reader)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        pytest.param("a.html", "<div>" * 200_000 + "x", "is nested too deeply", id="html"),
        pytest.param("a.html", "<ul><li>" * 20_000, "is nested too deeply", id="lists"),
        pytest.param("a.epub", epub({"a.xhtml": "<Div class='a'>" * 20_000}), "is nested too deeply", id="book"),
        pytest.param(
            "a.epub",
            epub({"a.xhtml": "<p>a</p>" * 1_500_000}),
            "is too large: it has more than 2,000,000 tags",
            id="many tags",
        ),
        pytest.param(
            "a.docx",
            docx(more={"word/document.xml": "<w:p/>" * 4_000_000}),
            "is too large: it has more than 100,000 paragraphs",
            id="many paragraphs",
        ),
    ],
)
async def test_what_would_take_too_long_is_refused_at_once(name: str, content: bytes | str, told: str) -> None:
    reader = ConvertedReader(Limits(seconds=20, seconds_per_mib=0))
    try:
        assert await fault(reader, name, content) == told
        assert await is_well(reader)
    finally:
        await reader.close()


@pytest.mark.parametrize(
    "content",
    [
        "<table>" + "<tr><td><div>cell</div></td></tr>" * 6_000 + "</table>",
        "<ul>" + "<li><p>item<div>more</div>" * 6_000 + "</ul>",
        "<script>" + "'<div>'," * 6_000 + "</script><!--" + "<div>" * 6_000 + "--><p>Well",
        "<section><div>" * 100 + "x" + "</section>" * 100 + "<div>y</div>" * 6_000,
    ],
)
async def test_what_only_looks_deep_is_read(reader: ConvertedReader, content: str) -> None:
    assert (await reader.read(put("a.html", content))).pages[0].text


async def test_what_is_packed_inside_a_book_is_never_unpacked(reader: ConvertedReader) -> None:
    bomb = claiming({"b": "y"}, 2**31)
    path = put("a.epub", epub({"a.xhtml": "<p>Well"}, {"OEBPS/inner.epub": bomb, "../../up": "no"}))
    assert (await reader.read(path)).pages == (Page("Well"),)


async def test_chapters_named_again_and_again_are_read_once(reader: ConvertedReader) -> None:
    path = put("a.epub", epub({f"a.xhtml#{number}": "" for number in range(50)}, {"OEBPS/a.xhtml": "<p>Well"}))
    assert (await reader.read(path)).pages == (Page("Well"),)


async def test_entities_beyond_the_ones_of_xml_do_no_harm_in_html(reader: ConvertedReader) -> None:
    assert len((await reader.read(put("a.html", LAUGHS))).pages[0].text) < 500


async def test_a_converter_that_crashes_is_started_again(reader: ConvertedReader) -> None:
    """Two cells that span all rows and columns: the library asks for half a terabyte, and is ended."""
    members = _members(xlsx({"A": []}))
    members["xl/worksheets/sheet1.xml"] = sheet_xml(FAR).encode()
    assert "made the converter break off" in await fault(reader, "a.xlsx", archive(members))
    assert await is_well(reader)


async def test_a_file_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    reader = ConvertedReader(Limits(seconds=0.5, seconds_per_mib=0))
    try:
        assert (
            await fault(reader, "a.html", "".join(f"<b id={number}>" for number in range(60_000)))
            == "takes longer than 0.5 s to convert"
        )
        assert await is_well(reader)
    finally:
        await reader.close()


async def test_a_file_that_takes_too_much_memory_is_given_up() -> None:
    reader = ConvertedReader(Limits(memory_bytes=300 * 2**20))
    try:
        line = await fault(reader, "a.csv", "name,age\n" + "Ada,36\n" * 5_000_000)
        assert "memory" in line or "break off" in line
        assert await is_well(reader)
    finally:
        await reader.close()


async def test_files_and_texts_that_are_too_large_are_refused() -> None:
    reader = ConvertedReader(Limits(file_bytes=2**20, text_bytes=2**20))
    try:
        assert await fault(reader, "a.csv", "x" * (2**20 + 1)) == "is larger than 1 MiB"
        assert await fault(reader, "a.csv", "name\n" + "Ada\n" * 100_000) == "holds more than 1 MiB of text, as UTF-8"
        assert await fault(reader, "a.csv", "") == "is empty"
        assert await is_well(reader)
    finally:
        await reader.close()


def _members(content: bytes) -> dict[str, str | bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        return {name: file.read(name) for name in file.namelist()}
