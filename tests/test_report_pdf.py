"""The report's PDF: the page's words, in both languages, for each reader; letters without a font, the QR code."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import absent
from pictures_made import papers, small_pictures
from test_report import squeezed, text_of

from footscan.measures.measuring import KEYS
from station import fonts, report
from station.report_content import content, texts


@pytest.fixture(scope="module")
def drawings(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A picture of each kind."""
    return small_pictures(tmp_path_factory.mktemp("pictures"))


def test_the_pdf_is_the_same_bytes_again_without_a_date(drawings: list[str]) -> None:
    first = report.pdf(papers(), drawings, "en")
    assert first == report.pdf(papers(), drawings, "en")
    assert first.startswith(b"%PDF-")
    assert not re.search(rb"CreationDate|ModDate", first)


def test_the_pdf_says_what_the_page_says(drawings: list[str], tool: Callable[[str], str], tmp_path: Path) -> None:
    plain = text_of(report.pdf(papers(), drawings, "en"), tool, tmp_path)
    page = content(papers(), [Path(d).name for d in drawings], "en")
    for section in page.sections:
        assert squeezed(section.title) in plain
        for card in section.cards:
            for told in (card.title, *card.sentences, *(value for _, value in card.rows)):
                # two cards stand side by side: -layout may mix their lines, so single words are looked for
                assert all(squeezed(word) in plain for word in told.split())
    for key in KEYS:
        assert key in plain


@pytest.fixture(params=["with the Chinese font", "without"])
def font(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> bool:
    """Whether there is a font with Chinese letters."""
    if request.param == "without":
        monkeypatch.setattr(fonts, "FOLDER", tmp_path / "nowhere")
    elif fonts.chinese() is None:
        absent("the kiosk's pages, and the Chinese font with them, are not built (make pages)")
    return request.param != "without"


def test_letters_that_the_pdf_has_no_font_for_are_counted(
    font: bool, tool: Callable[[str], str], tmp_path: Path
) -> None:
    documents = papers()
    documents["measurements.json"]["scans"][0]["source"] = "王小明𝄞𝄞.ply"
    plain = text_of(report.pdf(documents, [], "en"), tool, tmp_path)
    assert ("王小明??.ply" if font else "?????.ply") in plain
    assert squeezed(texts("en")["no_glyph"].format(count=2 if font else 5)) in plain
    assert "王小明𝄞𝄞.ply" in report.html(documents, [], "en")


def test_a_chinese_report_without_its_font_is_html_only_and_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(fonts, "FOLDER", tmp_path)
    reason = report.why_no_pdf("zh")
    assert reason is not None and "report.html" in reason
    assert report.why_no_pdf("en") is None
    with pytest.raises(report.ReportError, match="Chinese"):
        report.pdf(papers(), [], "zh")


def test_a_chinese_pdf_says_what_its_page_says(drawings: list[str], tool: Callable[[str], str], tmp_path: Path) -> None:
    if fonts.chinese() is None:
        absent("the kiosk's pages, and the Chinese font with them, are not built (make pages)")
    data = report.pdf(papers(), drawings, "zh")
    assert data == report.pdf(papers(), drawings, "zh")
    plain = text_of(data, tool, tmp_path)
    for section in content(papers(), [Path(d).name for d in drawings], "zh").sections:
        assert squeezed(section.title) in plain
        assert all(squeezed(card.title) in plain for card in section.cards)
    embedded = subprocess.run(
        [tool("pdffonts"), str(tmp_path / "report.pdf")], capture_output=True, text=True, check=True
    )
    assert "NotoSansSC" in embedded.stdout and "Libertinus" not in embedded.stdout


def test_customer_and_technician_each_have_their_pages_and_the_code_leads_there(
    tool: Callable[[str], str], tmp_path: Path
) -> None:
    page = content(papers(), [], "en")
    link = "http://127.0.0.1:8765/t/7K3M9Q2W8Z"
    plain = {
        reader: text_of(report.pdf(papers(), [], "en", reader, link), tool, tmp_path)
        for reader in ("customer", "technician")
    }
    technician = [squeezed(table.title) for table in page.tables[:2]]
    for section in page.sections[:2]:
        assert squeezed(section.title) in plain["customer"] and squeezed(section.lead) not in plain["technician"]
    assert all(title in plain["technician"] and title not in plain["customer"] for title in technician)
    assert squeezed(texts("en")["qr"]) in plain["customer"]
    assert squeezed(texts("en")["qr"]) not in text_of(report.pdf(papers(), [], "en"), tool, tmp_path)
    picture = report.qr_svg(link)
    assert picture == report.qr_svg(link) != report.qr_svg(link + "x") and b"<script" not in picture
