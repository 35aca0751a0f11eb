"""What each kind of file becomes: real files, read as `load` reads them, through the worker."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.documents.converted import ConvertedReader
from adapters.documents.testing import docx, epub, pdf, pptx, xlsx
from adapters.ports.documents import DocumentReader, DocumentText, Page
from memory.archival.chunks import pieces


@pytest.fixture
async def reader() -> AsyncIterator[DocumentReader]:
    made = ConvertedReader()
    yield made
    await made.close()


def put(name: str, content: bytes | str) -> Path:
    path = Path(name)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


async def read(reader: DocumentReader, name: str, content: bytes | str) -> DocumentText:
    return await reader.read(put(name, content))


async def text_of(reader: DocumentReader, name: str, content: bytes | str) -> str:
    (page,) = (await read(reader, name, content)).pages
    assert page.number is None
    return page.text


async def test_the_pages_of_a_pdf_keep_their_numbers(reader: DocumentReader) -> None:
    text = await read(reader, "A.PDF", pdf("The first\npage", "", "The third"))
    assert text == DocumentText((Page("The first\npage", 1), Page("The third", 3)), is_markdown=False)


async def test_a_pdf_whose_table_of_contents_is_broken_is_read_all_the_same(reader: DocumentReader) -> None:
    broken = pdf("Still here").replace(b"startxref\n", b"startxref\n9")
    assert (await read(reader, "a.pdf", broken)).pages == (Page("Still here", 1),)


async def test_the_headings_of_a_word_document_become_the_trail_of_its_pieces(reader: DocumentReader) -> None:
    content = docx("#Manual", "##Setup", "Turn the red knob.", "##Care", "Oil <it> & wipe it.")
    text = await read(reader, "a.docx", content)
    cut = [piece for page in text.pages for piece in pieces(page.text, is_markdown=text.is_markdown)]
    assert [(piece.heading, piece.content.splitlines()[-1]) for piece in cut] == [
        ("Manual > Setup", "Turn the red knob."),
        ("Manual > Care", "Oil <it> & wipe it."),
    ]


async def test_macros_and_pictures_of_a_word_document_are_left_alone(reader: DocumentReader) -> None:
    more = {"word/vbaProject.bin": b"\xd0\xcf\x11\xe0AutoOpen", "word/media/image1.png": b"\x89PNG"}
    assert await text_of(reader, "a.docx", docx("Only this.", more=more)) == "Only this."


async def test_a_book_is_read_in_its_order_with_its_headings(reader: DocumentReader) -> None:
    chapters = {
        "two%20b.xhtml": '<html><head><title/></head><body><h1>One</h1><p>It <a id="x"/>began.</p></body></html>',
        "pictures.svg": b"\x89PNG\x00",
        "a.xhtml": '<?xml version="1.0" encoding="windows-1251"?><h1>Два</h1>'.encode("cp1251"),
    }
    content = epub(chapters, {"OEBPS/two b.xhtml": chapters["two%20b.xhtml"], "OEBPS/unlisted.xhtml": "<p>Draft</p>"})
    assert await text_of(reader, "a.epub", content) == "# One\n\nIt began.\n\n# Два"


async def test_a_slide_is_a_page_with_its_title_and_its_notes(reader: DocumentReader) -> None:
    text = await read(reader, "a.pptx", pptx(("Why", "# one\ntwo"), ("How", "three"), notes="Speak slowly"))
    assert text.pages == (Page("# Why\n\n\\# one\ntwo\n\nSpeak slowly", 1), Page("# How\n\nthree", 2))
    assert text.is_markdown


async def test_rows_of_a_workbook_keep_the_names_of_their_columns(reader: DocumentReader) -> None:
    people = [["Name", "City", "Age"], ["Ada", "", 36], [], ["Bob", "Porto", 2.5]]
    text = await read(reader, "a.xlsx", xlsx({"People": people, "-Hidden": people, "Empty": [], "Rates": [[1], [2]]}))
    assert [page.text for page in text.pages] == [
        "# People\n\nRow 2: Name: Ada; Age: 36\n\nRow 4: Name: Bob; City: Porto; Age: 2.5",
        "# Rates\n\nRow 1: 1\n\nRow 2: 2",
    ]


# ── CSV ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
async def test_a_row_of_csv_is_understood_by_itself(reader: DocumentReader, sign: str) -> None:
    rows = [["Name", "Said", "Age"], ["Ada", f'"Hello{sign}\nthere"', "36"], ["", "", ""], ["Bob", "", "7", "extra"]]
    content = "\r\n".join(sign.join(row) for row in rows)
    assert await text_of(reader, "a.csv", content) == (
        "Row 2: Name: Ada; Said: Hello" + (" there" if sign == "\t" else f"{sign} there") + "; Age: 36\n\n"
        "Row 4: Name: Bob; Age: 7; extra"
    )


async def test_several_rows_are_a_piece_and_no_row_is_cut(reader: DocumentReader) -> None:
    rows = [f"Person {number},Lives at {number} High Street. With a cat." for number in range(100)]
    text = await text_of(reader, "a.csv", "\n".join(["Name,Note", *rows]))
    cut = [piece.content for piece in pieces(text, is_markdown=False)]
    assert 5 < len(cut) < 20
    assert all(piece.startswith("Row ") and piece.endswith("With a cat.") for piece in cut)


async def test_a_long_row_says_its_number_on_each_of_its_lines(reader: DocumentReader) -> None:
    names = ",".join(f"column {number}" for number in range(200))
    values = ",".join(f"value {number}" for number in range(200))
    lines = (await text_of(reader, "a.csv", f"{names}\n{values}\n")).split("\n\n")
    assert len(lines) > 3
    assert all(line.startswith("Row 2: column ") and len(line) < 1000 for line in lines)


async def test_a_huge_value_is_cut_between_words_with_its_column_named_each_time(reader: DocumentReader) -> None:
    lines = (await text_of(reader, "a.csv", f"Name,Life\nAda,{'a long life ' * 100_000}\n")).split("\n\n")
    assert len(lines) > 1000
    assert all(line.startswith("Row 2: Life: ") and len(line) < 800 for line in lines[1:])
    words = " ".join(line.partition("Life: ")[2] for line in lines).split()
    assert words == ["a", "long", "life"] * 100_000


async def test_csv_without_names_of_columns_is_read_too(reader: DocumentReader) -> None:
    assert await text_of(reader, "a.csv", "1,Ada\n2,Bob\n") == "Row 1: 1; Ada\n\nRow 2: 2; Bob"
    assert await text_of(reader, "b.csv", "Größe;x\n5 €;y\n".encode("cp1252")) == "Row 2: Größe: 5 €; x: y"


# ── HTML ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_a_page_does_not_show_is_not_read(reader: DocumentReader) -> None:
    html = """<title>Shown as title</title><style>p {}</style><script>alert("no")</script>
        <p>Shown<span hidden>no</span><span style="color:red; DISPLAY : none !important">no</span><!-- no --> here</p>
        <div style="visibility:hidden">no<h1>no</h1></div><template>no</template><noscript>no</noscript>
        <p style="font-size:0px">no</p><p style="font-size:0.9em; opacity: 0.5">small</p><textarea>no</textarea>"""
    assert await text_of(reader, "a.html", html) == "# Shown as title\n\nShown here\n\nsmall"


async def test_headings_lists_tables_and_code_keep_their_form(reader: DocumentReader) -> None:
    html = """<h1>Top <i>of</i> it</h1><ul><li>one<ol><li>a<li>b</ol><li>two</ul>
        <table><tr><th>n<th>m<tr><td>1<td><p>2</p></table><pre># no heading\n  echo</pre><p># none either<br>===</p>"""
    assert await text_of(reader, "a.htm", html) == (
        "# Top of it\n\n- one\n  1. a\n  2. b\n- two\n\nn | m\n1 | 2\n\n```\n# no heading\n  echo\n```\n\n"
        "\\# none either\n\\==="
    )


async def test_a_table_that_lays_a_page_out_is_no_line_of_text(reader: DocumentReader) -> None:
    html = "<table><tr><td><h2>Menu</h2><p>Home<td><h2>News</h2><p>It rains.</table>"
    assert await text_of(reader, "a.html", html) == "## Menu\n\nHome\n\n## News\n\nIt rains."


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        ('<meta charset="windows-1251">', "cp1251"),
        ('<meta http-equiv="Content-Type" content="text/html; charset=koi8-r">', "koi8_r"),
        ('<meta charset="utf-8">', "cp1251"),  # is read as what it can be
        ("", "utf-16"),
        ('<meta charset="no-such-thing">', "utf-8"),
        ('<meta charset="zlib_codec">', "utf-8"),
    ],
)
async def test_the_encoding_is_what_the_page_says_or_looks_like(
    reader: DocumentReader, head: str, encoding: str
) -> None:
    content = f"{head}<p>Привет".encode(encoding)
    said = "Привет".encode("cp1251").decode("cp1252") if head.endswith('"utf-8">') else "Привет"
    assert await text_of(reader, "a.html", content) == said


async def test_a_page_that_nests_deeply_is_read(reader: DocumentReader) -> None:
    assert await text_of(reader, "a.html", "<div>" * 5_000 + "deep") == "deep"
