"""The report of a recording: one page for the person whose feet they are and for the laboratory, as HTML and as PDF.

The HTML holds everything in itself and asks the network for nothing; the PDF is set by typst from fonts that it brings,
the same bytes each time. What `station.pressure_content` says is text in both, never markup.
"""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from station.pressure_content import Foot, Page, Picture, Report, report_content
from station.report import ReportError, printable, typeset, why_no_pdf

HERE = Path(__file__).parent
Document = Mapping[str, Any]


# ------------------------------------------------------------------ HTML


def html(document: Document, pictures: Sequence[Path], lang: str = "en") -> str:
    """One HTML file with a page for each recording of the document.

    Parameters
    ----------
    document : that of ``plantar pressure --json``
    pictures : PNG files as `station.pressure_pictures` names them; they are put into the page
    lang : en or zh
    """
    files = {path.name: path for path in pictures}
    report = report_content(document, list(files), lang)
    style = (HERE / "report.css").read_text(encoding="utf-8") + (HERE / "pressure_report.css").read_text("utf-8")
    head = [
        "<!DOCTYPE html>",
        f'<html lang="{"zh-CN" if lang == "zh" else "en"}">',
        "<head>",
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(report.title)}</title>",
        f"<style>\n{style}</style>",
        "</head>",
        "<body>",
    ]
    body = [line for page in report.pages for line in _page(page, files, report)]
    return "\n".join([*head, *body, "</body>", "</html>", ""])


def _page(page: Page, files: Mapping[str, Path], report: Report) -> list[str]:
    lines = [
        '<main class="sheet">',
        "<header>",
        f"<h1>{escape(page.title)}</h1>",
        f'<p class="label">{escape(page.about)}</p>',
        f"<p>{escape(page.lead)}</p>",
        "</header>",
        '<div class="top">',
        _figure(page.pictures.get("pressure"), files),
        '<div class="cards">',
        *(_card(foot) for foot in page.feet),
        "</div>",
        "</div>",
        *_middle(page, files),
        f'<div class="how"><h2>{escape(report.how)}</h2>',
        "<ul>" + "".join(f"<li>{escape(note)}</li>" for note in page.notes) + "</ul></div>",
        f"<footer>{escape(report.footer)}</footer>",
        "</main>",
    ]
    return [line for line in lines if line]


def _middle(page: Page, files: Mapping[str, Path]) -> list[str]:
    """Pictures and table between the map and the notes."""
    cop, force, bars, change = (page.pictures.get(kind) for kind in ("cop", "force", "regions", "change"))
    if change is not None:
        return [_figure(change, files), '<div class="two wide">', _figure(force, files), _table(page), "</div>"]
    first = ['<div class="two">', _figure(cop, files), _figure(force, files), "</div>"]
    return [*first, '<div class="two wide">', _figure(bars, files), _table(page), "</div>"]


def _figure(picture: Picture | None, files: Mapping[str, Path]) -> str:
    if picture is None:
        return ""
    data = base64.b64encode(files[picture.name].read_bytes()).decode("ascii")
    words = escape(picture.caption)
    return f'<figure><img src="data:image/png;base64,{data}" alt="{words}"><figcaption>{words}</figcaption></figure>'


def _card(foot: Foot) -> str:
    told = "".join(f"<li>{escape(s)}</li>" for s in foot.sentences)
    return f'<div class="card"><h3>{escape(foot.title)}</h3><ul>{told}</ul></div>'


def _table(page: Page) -> str:
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in page.head)
    rows = []
    for first, *rest in page.rows:
        name, _, key = first.partition("\n")
        small = f"<small>{escape(key)}</small>" if key else ""
        cells = "".join(f"<td>{escape(cell)}</td>" for cell in rest)
        rows.append(f'<tr><th scope="row">{escape(name)}{small}</th>{cells}</tr>')
    return f"<table><thead><tr>{head}</tr></thead>\n<tbody>{''.join(rows)}</tbody></table>"


# ------------------------------------------------------------------ PDF


def pdf(document: Document, pictures: Sequence[Path], lang: str = "en") -> bytes:
    """The same as an A4 PDF, a page for each recording; parameters as of `html`.

    Raises `station.report.ReportError` for a language without a bundled font.
    """
    reason = why_no_pdf(lang)
    if reason is not None:
        raise ReportError(reason)
    files = {path.name: path for path in pictures}
    report = report_content(document, list(files), lang)
    data, missing = printable(dataclasses.asdict(report))
    if missing:
        data["footer"] += " " + report.no_glyph.format(count=missing)
    return typeset("pressure_report.typ", data, files)
