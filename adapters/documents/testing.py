"""Small files of each kind, made by hand for tests: real ones, with nothing in them that their kind can do without."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from html import escape

_OFFICE = "http://schemas.openxmlformats.org"
_RELATIONSHIPS = f'xmlns="{_OFFICE}/package/2006/relationships"'
_TYPE = f"{_OFFICE}/officeDocument/2006/relationships"
CONTENT_TYPES = (
    f'<Types xmlns="{_OFFICE}/package/2006/content-types"><Default Extension="xml" ContentType="text/xml"/></Types>'
)


def pdf(*pages: str, trailer: str = "") -> bytes:
    """A PDF with a page for each text; an empty text makes a page that shows a picture's frame only."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", "", "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids = []
    for text in pages:
        kids.append(f"{len(objects) + 1} 0 R")
        lines = " T* ".join(f"({line}) Tj" for line in text.split("\n"))
        shown = f"BT /F1 12 Tf 14 TL 72 700 Td {lines} ET" if text else "72 72 400 600 re S"
        objects += [
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {len(objects) + 2} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>",
            f"<< /Length {len(shown)} >>\nstream\n{shown}\nendstream",
        ]
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    made, starts = "%PDF-1.4\n", list[int]()
    for number, written in enumerate(objects, 1):
        starts.append(len(made))
        made += f"{number} 0 obj\n{written}\nendobj\n"
    table = "".join(f"{start:010} 00000 n \n" for start in starts)
    end = f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R {trailer} >>\nstartxref\n{len(made)}\n%%EOF\n"
    return f"{made}xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}{end}".encode("latin-1")


def locked_pdf() -> bytes:
    """A PDF that no password opens that anybody knows."""
    keys = f"/O <{'41' * 32}> /U <{'42' * 32}>"
    return pdf("Secret", trailer=f"/Encrypt << /Filter /Standard /V 1 /R 2 {keys} /P -44 >> /ID [<4141> <4141>]")


def archive(members: Mapping[str, str | bytes]) -> bytes:
    """A zip file."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return made.getvalue()


def docx(*paragraphs: str, more: Mapping[str, str | bytes] | None = None) -> bytes:
    """A Word document; a paragraph that begins with `#`s is a heading."""
    body = "".join(_paragraph(text) for text in paragraphs)
    return archive(
        {
            "[Content_Types].xml": CONTENT_TYPES,
            "_rels/.rels": _related({"r1": ("officeDocument", "word/document.xml")}),
            "word/document.xml": f'<w:document xmlns:w="{_OFFICE}/wordprocessingml/2006/main"><w:body>{body}</w:body>'
            "</w:document>",
        }
        | dict(more or {})
    )


def xlsx(sheets: Mapping[str, Sequence[Sequence[object]]]) -> bytes:
    """An Excel workbook; a sheet whose name begins with `-` is hidden."""
    members: dict[str, str | bytes] = {"[Content_Types].xml": CONTENT_TYPES}
    members["_rels/.rels"] = _related({"r1": ("officeDocument", "xl/workbook.xml")})
    listed, related = "", dict[str, tuple[str, str]]()
    for number, (name, rows) in enumerate(sheets.items(), 1):
        hidden = 'state="hidden"' if name.startswith("-") else ""
        listed += f'<sheet name="{escape(name)}" sheetId="{number}" {hidden} r:id="r{number}"/>'
        related[f"r{number}"] = ("worksheet", f"worksheets/sheet{number}.xml")
        cells = "".join(f"<row>{''.join(_cell(value) for value in row)}</row>" for row in rows)
        members[f"xl/worksheets/sheet{number}.xml"] = sheet_xml(cells)
    main = f'xmlns="{_OFFICE}/spreadsheetml/2006/main" xmlns:r="{_TYPE}"'
    members["xl/workbook.xml"] = f"<workbook {main}><sheets>{listed}</sheets></workbook>"
    members["xl/_rels/workbook.xml.rels"] = _related(related)
    return archive(members)


def sheet_xml(rows: str) -> str:
    """A sheet of a workbook."""
    return f'<worksheet xmlns="{_OFFICE}/spreadsheetml/2006/main"><sheetData>{rows}</sheetData></worksheet>'


def pptx(*slides: tuple[str, str], notes: str = "") -> bytes:
    """A presentation: title and text of each slide, and what the speaker notes at the first."""
    spaces = f'xmlns:a="{_OFFICE}/drawingml/2006/main" xmlns:p="{_OFFICE}/presentationml/2006/main" xmlns:r="{_TYPE}"'
    members: dict[str, str | bytes] = {"[Content_Types].xml": CONTENT_TYPES}
    related = {f"r{number}": ("slide", f"slides/slide{number}.xml") for number in range(1, len(slides) + 1)}
    ids = "".join(f'<p:sldId id="{256 + number}" r:id="{id_}"/>' for number, id_ in enumerate(related))
    members["ppt/presentation.xml"] = f"<p:presentation {spaces}><p:sldIdLst>{ids}</p:sldIdLst></p:presentation>"
    members["ppt/_rels/presentation.xml.rels"] = _related(related)
    for number, (title, text) in enumerate(slides, 1):
        shapes = _shape("title", title) + _shape("body", text) + _shape("sldNum", str(number))
        members[f"ppt/slides/slide{number}.xml"] = f"<p:sld {spaces}>{shapes}</p:sld>"
    if notes:
        members["ppt/slides/_rels/slide1.xml.rels"] = _related({"r1": ("notes", "../notesSlides/notesSlide1.xml")})
        members["ppt/notesSlides/notesSlide1.xml"] = f"<p:notes {spaces}>{_shape('body', notes)}</p:notes>"
    return archive(members)


def epub(chapters: Mapping[str, str | bytes], more: Mapping[str, str | bytes] | None = None) -> bytes:
    """A book: its chapters' hrefs and XHTML, in reading order, in a folder `OEBPS`."""
    items = "".join(f'<item id="c{n}" href="{href}" media-type="x"/>' for n, href in enumerate(chapters))
    order = "".join(f'<itemref idref="c{n}"/>' for n in range(len(chapters)))
    package = (
        f'<package xmlns="http://www.idpf.org/2007/opf"><manifest>{items}</manifest><spine>{order}</spine></package>'
    )
    return archive(
        {
            "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
            '<rootfile full-path="OEBPS/book.opf"/></rootfiles></container>',
            "OEBPS/book.opf": package,
        }
        | {f"OEBPS/{href}": content for href, content in chapters.items()}
        | dict(more or {})
    )


def _paragraph(text: str) -> str:
    words = text.lstrip("#")
    style = f'<w:pPr><w:pStyle w:val="Heading{len(text) - len(words)}"/></w:pPr>' if words != text else ""
    return f"<w:p>{style}<w:r><w:t>{escape(words.strip())}</w:t></w:r></w:p>"


def _shape(kind: str, text: str) -> str:
    lines = "".join(f"<a:p><a:r><a:t>{escape(line)}</a:t></a:r></a:p>" for line in text.split("\n"))
    return f'<p:sp><p:nvSpPr><p:nvPr><p:ph type="{kind}"/></p:nvPr></p:nvSpPr><p:txBody>{lines}</p:txBody></p:sp>'


def _cell(value: object) -> str:
    if isinstance(value, int | float):
        return f"<c><v>{value}</v></c>"
    return f'<c t="inlineStr"><is><t>{escape(str(value))}</t></is></c>'


def _related(targets: Mapping[str, tuple[str, str]]) -> str:
    listed = "".join(
        f'<Relationship Id="{id_}" Type="{_TYPE}/{kind}" Target="{target}"/>' for id_, (kind, target) in targets.items()
    )
    return f"<Relationships {_RELATIONSHIPS}>{listed}</Relationships>"
