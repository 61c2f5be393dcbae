"""The report of an order, as one HTML file and as a PDF.

``html`` holds everything in itself (pictures too) and asks the network for nothing. ``pdf`` is set by typst, offline,
from fonts that typst brings and the Chinese one of `station.fonts`: the same bytes each time. Names that people gave
are text in both, never markup.
"""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Literal

from footscan.errors import FootscanError
from station import fonts
from station.report_content import Card, Content, Document, Picture, Section, Table, Words, content

HERE = Path(__file__).parent
#: letters that typst's own fonts have: Latin, Greek, Cyrillic, punctuation, arrows and mathematical signs
PRINTABLE = ((0x20, 0x52F), (0x1E00, 0x1FFF), (0x2010, 0x205E), (0x2070, 0x20AF), (0x2100, 0x22FF))


class ReportError(FootscanError):
    """A report that can't be made here, and why."""


def why_no_pdf(lang: str) -> str | None:
    """Why there is no PDF in that language; None where there is one."""
    if lang == "zh" and fonts.chinese() is None:
        return (
            "report.pdf: expected a font with Chinese letters, found none: the kiosk's pages were not built "
            "(make pages); report.html has it all"
        )
    return None


# ------------------------------------------------------------------ HTML


def html(documents: Mapping[str, Document], pictures: Sequence[str | Path], lang: str = "en") -> str:
    """One HTML page.

    Parameters
    ----------
    documents : ``measurements.json``, ``pressure.json``, ``prescription.json``, ``prediction.json`` -> document; of an
        order that lacks one it is absent
    pictures : paths of PNG files, as ``pictures.write_all`` returns them; they are put into the page
    lang : en or zh
    """
    files = {Path(path).name: Path(path) for path in pictures}
    page = content(documents, list(files), lang)
    style = (HERE / "report.css").read_text(encoding="utf-8")
    head = [
        "<!DOCTYPE html>",
        f'<html lang="{"zh-CN" if page.lang == "zh" else "en"}">',
        "<head>",
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(page.title)}</title>",
        f"<style>\n{style}</style>",
        "</head>",
        "<body>",
        "<main>",
        "<header>",
        f"<h1>{escape(page.title)}</h1>",
        *([f'<p class="label">{escape(page.label)}</p>'] if page.label else []),
        f"<p>{escape(page.lead)}</p>",
        "</header>",
        *([_figure(page.hero, files)] if page.hero else []),
    ]
    body = [line for section in page.sections for line in _section(section, files)]
    body += ['<section class="technician">', f"<h2>{escape(page.technician)}</h2>"]
    body += [_figure(picture, files) for picture in page.drawings]
    body += [_table(table) for table in page.tables]
    tail = ["</section>", f"<footer>{escape(page.footer)}</footer>", "</main>", "</body>", "</html>", ""]
    return "\n".join([*head, *body, *tail])


def _figure(picture: Picture, files: Mapping[str, Path]) -> str:
    data = base64.b64encode(files[picture.name].read_bytes()).decode("ascii")
    words = escape(picture.caption)
    return f'<figure><img src="data:image/png;base64,{data}" alt="{words}"><figcaption>{words}</figcaption></figure>'


def _section(section: Section, files: Mapping[str, Path]) -> list[str]:
    lines = ["<section>", f"<h2>{escape(section.title)}</h2>"]
    if section.lead:
        lines.append(f"<p>{escape(section.lead)}</p>")
    if section.cards:
        lines += ['<div class="cards">', *(_card(card) for card in section.cards), "</div>"]
    if len(section.after) == 1:
        lines.append(f"<p>{escape(section.after[0])}</p>")
    elif section.after:
        lines.append("<ul>" + "".join(f"<li>{escape(item)}</li>" for item in section.after) + "</ul>")
    return [*lines, *(_figure(picture, files) for picture in section.pictures), "</section>"]


def _card(card: Card) -> str:
    parts = [f"<h3>{escape(card.title)}</h3>"]
    if card.small:
        parts.append(f'<p class="small">{escape(card.small)}</p>')
    if card.rows:
        parts.append(f"<dl>{''.join(_named(name, value) for name, value in card.rows)}</dl>")
    if card.sentences:
        parts.append("<ul>" + "".join(f"<li>{escape(told)}</li>" for told in card.sentences) + "</ul>")
    return f'<div class="card">{"".join(parts)}</div>'


def _named(name: str, value: str) -> str:
    kind = "number" if value[:1].isdigit() else "words"
    return f'<div><dt>{escape(name)}</dt><dd class="{kind}">{escape(value)}</dd></div>'


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in table.head)
    rows = []
    for first, *rest in table.rows:
        cells = "".join(f"<td>{_cell(cell)}</td>" for cell in rest)
        rows.append(f'<tr><th scope="row">{_cell(first)}</th>{cells}</tr>')
    note = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    body = "\n".join(rows)
    top = f"<table><caption>{escape(table.title)}</caption><thead><tr>{head}</tr></thead>"
    return f"{top}\n<tbody>\n{body}\n</tbody></table>{note}"


def _cell(text: str) -> str:
    first, *rest = text.split("\n")
    return escape(first) + "".join(f"<small>{escape(line)}</small>" for line in rest)


# ------------------------------------------------------------------ PDF


def pdf(
    documents: Mapping[str, Document],
    pictures: Sequence[str | Path],
    lang: str = "en",
    reader: Literal["both", "customer", "technician"] = "both",
    link: str | None = None,
) -> bytes:
    """The same report as an A4 PDF; parameters as of `html`.

    ``reader`` says whose pages there are, ``link`` is an address that a QR code on the first page leads to (extra
    kiosk). Raises ReportError for a language whose font was not built (`why_no_pdf`). Letters that the PDF's fonts
    lack, in names that people gave, are shown as ? and counted in a note.
    """
    reason = why_no_pdf(lang)
    if reason is not None:
        raise ReportError(reason)
    files = {Path(path).name: Path(path) for path in pictures}
    page = content(documents, list(files), lang)
    data, missing = printable(_as_data(page))
    say = Words(lang)
    if missing:
        data["footer"] += " " + say("no_glyph", count=missing)
    data["reader"] = reader
    data["qr"] = say("qr") if link else ""
    return typeset("report.typ", data, files, {"qr.svg": qr_svg(link)} if link else {})


def qr_svg(text: str) -> bytes:
    """A QR code as a picture without margin, the same bytes for the same text."""
    import io

    import segno

    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(out, kind="svg", border=0, xmldecl=False, dark="#1d2a36")
    return out.getvalue()


def _as_data(page: Content) -> dict[str, Any]:
    """The report as plain data for the template."""
    data = dataclasses.asdict(page)
    for table, made in zip(data["tables"], page.tables):
        table["widths"] = made.widths
    return data


def printable(data: Any) -> tuple[Any, int]:
    """The same data with every letter that the fonts lack as ?, and how many there were."""
    folder = fonts.chinese()
    more = fonts.letters(folder) if folder is not None else frozenset()
    return _shown(data, more)


def _shown(data: Any, more: frozenset[int]) -> tuple[Any, int]:
    if isinstance(data, str):
        kept = [c if c == "\n" or _is_printable(ord(c)) or ord(c) in more else "?" for c in data]
        return "".join(kept), sum(a != b for a, b in zip(kept, data))
    if isinstance(data, dict):
        found = {key: _shown(value, more) for key, value in data.items()}
        return {key: value for key, (value, _) in found.items()}, sum(n for _, n in found.values())
    if isinstance(data, (list, tuple)):
        each = [_shown(value, more) for value in data]
        return [value for value, _ in each], sum(n for _, n in each)
    return data, 0


def _is_printable(code: int) -> bool:
    return any(low <= code <= high for low, high in PRINTABLE)


def typeset(
    template: str, data: Mapping[str, Any], files: Mapping[str, Path], drawn: Mapping[str, bytes] | None = None
) -> bytes:
    """Compile a template of this folder with its data; typst reads them from a folder of their own, in memory where
    there is such a place. Of ``data`` the template gets ``fonts`` too: what to set text in, by its ``lang``."""
    import typst

    from station.rooms import room

    folder = fonts.chinese()
    own = ["Libertinus Serif"] if data["lang"] != "zh" or folder is None else []
    named = {"fonts": own + ([fonts.FAMILY] if folder is not None else [])}
    with room() as root:
        (root / "report.typ").write_bytes((HERE / template).read_bytes())
        (root / "data.json").write_text(json.dumps({**data, **named}, ensure_ascii=False), encoding="utf-8")
        for name, path in files.items():
            (root / name).write_bytes(path.read_bytes())
        for name, picture in (drawn or {}).items():
            (root / name).write_bytes(picture)
        made = typst.compile(
            str(root / "report.typ"),
            root=str(root),
            font_paths=[str(folder)] if folder is not None else [],
            ignore_system_fonts=True,
            format="pdf",
            timestamp=0,
        )
    if not isinstance(made, bytes):
        raise ReportError(f"{template}: expected a document from typst, found {type(made).__name__}")
    return made
