"""The report: what the documents say, in plain words, in two languages, as one page and as a PDF."""

from __future__ import annotations

import json
import re
import string
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures_made import made, papers, small_pictures

from footscan.measures.measuring import KEYS
from insole.fields import FIELDS
from station import reasons, report
from station.messages import FOLDER, LANGUAGES
from station.report_content import APART, SHOWN, TOLD, Words, content, texts, why

VOID = {"meta", "img", "br"}
#: nothing of these is said to the wearer: shape and comfort only
HEALTH = re.compile(
    r"\b(pain|hurt|heal(s|ed|ing|th|thy)?|cures?|diagnos\w*|diseases?|disorders?|treat\w*|therap\w*|patients?|medic\w*"
    r"|injur\w*|prevent\w*|correct(s|ion|ive)\b|patholog\w*|symptom\w*|syndrome|ulcer\w*|diabet\w*|neuropath\w*)",
    re.IGNORECASE,
)
HEALTH_ZH = re.compile("治疗|治愈|诊断|疼|痛|疾病|患者|病人|医疗|医学|康复|损伤|预防|矫正|矫治|症|溃疡|糖尿")


class Page(HTMLParser):
    """Checks that tags close in order; collects words, attributes, and table rows."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self.rows: list[list[str]] = []
        self.titles: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if "style" in self.open:
            return
        self.words.append(data)
        if "h1" in self.open:
            self.titles.append(data)
        if "tr" in self.open and self.rows[-1]:
            self.rows[-1][-1] += ("\n" if self.open[-1] == "small" else "") + data

    def row(self, key: str) -> list[str]:
        """The table row whose first cell's small print is ``key``."""
        return next(row for row in self.rows if row and row[0].endswith("\n" + key))


def read(page: str) -> Page:
    parser = Page()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    return parser


@pytest.fixture(scope="module")
def drawings(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A picture of each kind."""
    return small_pictures(tmp_path_factory.mktemp("pictures"))


def wearer(page: str) -> str:
    """What stands before the technician's part."""
    return page.split('<section class="technician">')[0]


# ------------------------------------------------------------------ words


def test_both_languages_have_the_same_texts_with_the_same_places() -> None:
    assert list(texts("en")) == list(texts("zh"))
    for key, text in texts("en").items():
        places = [sorted(p[1] for p in string.Formatter().parse(t) if p[1]) for t in (text, texts("zh")[key])]
        assert places[0] == places[1], key
        assert text.strip()
        assert texts("zh")[key].strip()


def test_every_text_is_used_and_every_field_and_shown_measure_has_one() -> None:
    known = set(texts("en"))
    assert {f"field.{name}" for name in FIELDS if name not in APART} == {k for k in known if k.startswith("field.")}
    assert {f"measured.{key}" for key in SHOWN} == {k for k in known if k.startswith("measured.")}
    assert set(SHOWN) <= set(KEYS)
    code = "".join((FOLDER.parent / f"{name}.py").read_text() for name in ("report", "report_content", "report_tables"))
    for key in known:
        stem = key.rsplit(".", 1)[0]
        assert f'"{key}"' in code or f"{stem}." in code, key


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_text_speaks_of_health(lang: str) -> None:
    for key, text in texts(lang).items():
        assert not (HEALTH if lang == "en" else HEALTH_ZH).search(text), (key, text)


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(ValueError, match="en, zh"):
        content(papers(), [], "de")


# ------------------------------------------------------------------ HTML


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_page_is_well_formed_and_holds_everything_in_itself(lang: str, drawings: list[str]) -> None:
    page = report.html(papers(), drawings, lang)
    parsed = read(page)
    for tag, name, value in parsed.attributes:
        assert name not in ("href", "srcset", "background", "action") and not name.startswith("on")
        if name == "src":
            assert tag == "img" and value.startswith("data:image/png;base64,")
    assert sum(name == "src" for _, name, _ in parsed.attributes) == len(drawings)
    assert not any(word in page for word in ("http:", "https:", "url(", "@import", "<script", "<link"))
    assert ("html", "lang", "zh-CN" if lang == "zh" else "en") in parsed.attributes
    assert all(value for tag, name, value in parsed.attributes if (tag, name) == ("img", "alt"))


def test_the_same_documents_make_the_same_page(drawings: list[str]) -> None:
    assert report.html(papers(), drawings, "en") == report.html(papers(), drawings, "en")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_measured_value_stands_in_the_report_with_its_spread(lang: str) -> None:
    documents = papers()
    page = read(report.html(documents, [], lang))
    feet = {foot["side"]: foot["measures"] for scan in documents["measurements.json"]["scans"] for foot in scan["feet"]}
    assert list(feet) == ["left", "right"]
    for key in KEYS:
        cells = page.row(key)[1:3]
        for cell, measure in zip(cells, (feet["left"][key], feet["right"][key])):
            value = measure["value"]
            if value is None:
                assert cell.split("\n") == ["–", measure["reason"]]
            elif isinstance(value, str):
                assert cell == value
            else:
                rounding = 0.0501 if re.search(r"_(mm|deg|ml)$", key) else 0.000501
                numbers = [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?", cell)]
                assert numbers == pytest.approx([value, measure["sd_total"]], abs=rounding), key


def test_every_prescribed_value_that_is_no_default_stands_with_its_reason() -> None:
    documents = papers()
    page = read(report.html(documents, [], "en"))
    sides = documents["prescription.json"]["feet"]
    asked = 0
    for name in FIELDS:
        entries = [sides[side]["fields"][name] for side in ("left", "right")]
        if name in APART or all(entry["by"] == "default" for entry in entries):
            assert not any(row[0].endswith("\n" + name) for row in page.rows if row)
            continue
        asked += 1
        row = page.row(name)
        for cell, entry in zip(row[1:3], entries):
            if isinstance(entry["value"], (int, float)):
                assert float(cell) == pytest.approx(entry["value"], rel=1e-3)
            assert entry["reason"] in row[3]
            assert entry["source"] in row[3]
    assert asked >= 4


def test_the_wearer_reads_of_shape_and_comfort_in_plain_words(drawings: list[str]) -> None:
    for lang, words in (("en", HEALTH), ("zh", HEALTH_ZH)):
        part = wearer(report.html(papers(), drawings, lang))
        text = " ".join(read(part + "</main></body></html>").words)
        assert not words.search(text)
        assert not re.search(r"[a-z]_[a-z]|everyday|preset|\bMTH|SHA", text)


def test_the_cards_say_what_the_documents_say() -> None:
    documents = papers()
    page = content(documents, [], "en")
    feet, insoles, walk = page.sections[:3]
    foot = documents["measurements.json"]["scans"][0]["feet"][0]["measures"]
    assert feet.cards[0].title == "Your left foot"
    length = foot["foot_length_mm"]
    assert feet.cards[0].rows[0][1] == f"{length['value']:.1f} ± {length['sd_total']:.1f} mm"
    fields = documents["prescription.json"]["feet"]["left"]["fields"]
    assert f"The heel sits in a cup {fields['heel_cup_depth_mm']['value']:g} mm deep." in insoles.cards[0].sentences
    steps = [s for s in documents["pressure.json"]["recordings"][0]["steps"] if s["side"] == "left"]
    used = [s for s in steps if s["used"]]
    assert f"Left foot: {len(used)} steps counted of {len(steps)}." in walk.cards[0].sentences[0]


# ------------------------------------------------------------------ print and prediction


def test_the_technician_reads_print_and_prediction_and_the_wearer_does_not(drawings: list[str]) -> None:
    documents = papers()
    page = report.html(documents, drawings, "en")
    technician = read(
        "<main><body>"
        + page.split('<section class="technician">')[1][:-1].rsplit("</section>", 1)[0]
        + "</body></main>"
    )
    for side in ("left", "right"):
        print_ = documents["prescription.json"]["feet"][side]["print"]
        assert any(f"{print_['grams']:.0f} g" in cell for row in technician.rows for cell in row)
        for zone in print_["zones"]:
            assert any(zone["name"] in cell for row in technician.rows for cell in row)
    for region, told in documents["prediction.json"]["feet"]["left"]["regions"].items():
        peak = told["peak_kpa"]
        words = f"{peak['before']:.0f} → {peak['after']:.0f}"
        assert any(row[0].endswith("\n" + region) and words in row[1] for row in technician.rows if len(row) == 4), (
            region
        )
    captions = [value for tag, name, value in technician.attributes if tag == "img" and name == "alt"]
    assert len(captions) == 4 and sum("Unvalidated" in words for words in captions) == 2
    assert "predicted" not in wearer(page).lower()


def test_a_foot_without_a_prediction_says_why() -> None:
    documents = papers()
    documents["prediction.json"]["feet"]["right"] = {"regions": None, "reason": "no recording says how"}
    assert ["not predicted", "no recording says how"] in read(report.html(documents, [], "en")).rows


def test_softer_places_and_features_have_a_sentence_each() -> None:
    documents = papers()
    insole = documents["prescription.json"]["feet"]["left"]
    for name in TOLD:
        insole["fields"][name]["value"] = FIELDS[name].kind == "flag" or 2.0
    insole["print"]["zones"] = [{"name": "heel 18%"}, {"name": "mth2 20%"}, {"name": "heel 18% (2)"}]
    for lang in LANGUAGES:
        say = Words(lang)
        told = content(documents, [], lang).sections[1].cards[0].sentences
        for name in TOLD:
            assert say(f"made.{name}", value="2") in told, name
        softer = say("made.softer", where=say.joined([say("place.heel"), say("place.mth2")]))
        assert softer in told


# ------------------------------------------------------------------ what is missing


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_value_that_is_not_there_says_why_in_plain_words(lang: str) -> None:
    documents = papers()
    capped = "the sole was closed with a flat lid, nothing is known of the arch"
    odd = "something that nobody foresaw"
    foot = documents["measurements.json"]["scans"][0]["feet"][0]
    for key, reason in (("arch_apex_height_mm", capped), ("ball_girth_mm", odd)):
        foot["measures"][key] |= {"value": None, "sd": None, "sd_total": None, "quality": "missing", "reason": reason}
    page = report.html(documents, [], lang)
    say = Words(lang)
    assert say("missing", why=say("why.capped")) in wearer(page)
    assert say("missing", why=odd) in wearer(page)
    assert capped not in wearer(page)
    assert reasons.told(capped, lang) in read(page).row("arch_apex_height_mm")[1]


def test_the_reasons_that_the_scan_can_give_have_plain_words() -> None:
    from footscan.measures import arch, girths, lengths

    for reason in (arch.CAPPED, arch.NO_SOLE, lengths.NO_POINTS, girths.LEG_SHORT):
        assert why(reason, Words("zh")) != reason
        assert why(reason, Words("en")) in texts("en").values()


def test_any_document_may_be_absent() -> None:
    documents = papers()
    for absent in documents:
        rest = {name: document for name, document in documents.items() if name != absent}
        read(report.html(rest, [], "en"))
    read(report.html({}, [], "zh"))


@given(st.floats(200, 300), st.floats(-6, 6), st.floats(0.1, 1.5), st.sampled_from(["en", "zh"]))
def test_which_foot_is_longer_is_said_only_where_the_scans_can_tell(
    length: float, difference: float, sd: float, lang: str
) -> None:
    def told(left: float, right: float) -> tuple[str, ...]:
        feet = [
            {"side": side, "load": "standing", "quality": {"score": 90, "reasons": []},
             "measures": {"foot_length_mm": {"value": value, "sd_total": sd, "reason": None}}}
            for side, value in (("left", left), ("right", right))
        ]  # fmt: skip
        scans = [{"source": "a.stl", "sha256": "0", "unit": "mm", "feet": feet}]
        return content({"measurements.json": {"scans": scans, "failed": []}}, [], lang).sections[0].after

    ours, swapped = told(length + difference, length), told(length, length + difference)
    say = Words(lang)
    if abs(difference) < 2.0 * sd:
        assert ours == swapped == (say("pair.same"),)
    if abs(difference) > max(2.2 * sd, 0.6):
        longer, shorter = (ours, swapped) if difference > 0 else (swapped, ours)
        assert longer == (say("pair.left", difference=f"{abs(difference):.1f}"),)
        assert shorter == (say("pair.right", difference=f"{abs(difference):.1f}"),)


# ------------------------------------------------------------------ what people wrote


NASTY = "<b>&\"'</b><script>alert(1)</script> #panic() *x* $y$ @z [w] `v` \\u ~ _t_ </style>"


def named(label: str) -> dict[str, Any]:
    """The documents with a label and file names that a person chose."""
    documents = papers()
    for foot in documents["prescription.json"]["feet"].values():
        foot["fields"]["label"] |= {"value": label, "by": "person", "reason": "asked for"}
    documents["measurements.json"]["scans"][0]["source"] = f"{label}.ply"
    documents["pressure.json"]["recordings"][0]["source"] = f"{label}.csv"
    documents["pressure.json"]["failed"] = [{"source": label, "error": "ReadError", "message": f"{label}: no"}]
    return documents


@settings(max_examples=25)
@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=40))
def test_what_people_wrote_is_text_in_the_page(label: str) -> None:
    page = read(report.html(named(label), [], "en"))
    assert any(label in word for word in page.words)
    assert label == page.row("label")[1]


def test_markup_in_names_stays_text(tool: Callable[[str], str], tmp_path: Path) -> None:
    page = report.html(named(NASTY), [], "en")
    assert "<script" not in page
    assert page.count("</style>") == 1
    assert read(page).row("label")[1] == NASTY
    plain = text_of(report.pdf(named(NASTY), [], "en"), tool, tmp_path)
    for piece in ("<b>&\"'</b>", "#panic()", "*x*", "$y$", "@z", "[w]", "`v`", "\\u", "_t_"):
        assert squeezed(piece) in plain


def test_a_prescriber_s_order_keeps_its_reasons_apart_and_never_shows_risk() -> None:
    documents = papers()
    for foot in documents["prescription.json"]["feet"].values():
        person = {"by": "person", "reason": "secret reason", "source": "secret source"}
        foot["fields"]["prescriber"] |= {"value": "Dr. A", **person}
        foot["fields"]["risk"] |= {"value": "neuropathic", **person}
        foot["notes"].append({"code": "needs_in_shoe_check", "detail": "secret note"})
    page = report.html(documents, [], "en")
    assert "secret" not in page
    assert "neuropathic" not in page
    assert "prescription.json" in page


# ------------------------------------------------------------------ PDF: the rest is in test_report_pdf.py


def text_of(data: bytes, tool: Callable[[str], str], folder: Path) -> str:
    """The PDF's words without any space: lines may break anywhere."""
    (folder / "report.pdf").write_bytes(data)
    command = [tool("pdftotext"), "-layout", str(folder / "report.pdf"), "-"]
    return squeezed(subprocess.run(command, capture_output=True, check=True).stdout.decode("utf-8"))


def squeezed(text: str) -> str:
    return re.sub(r"\s", "", text)


def test_the_documents_were_left_as_they_were(drawings: list[str]) -> None:
    documents = papers()
    before = json.dumps(documents, sort_keys=True)
    report.html(documents, drawings, "zh")
    report.pdf(documents, drawings, "en")
    assert json.dumps(documents, sort_keys=True) == before
    assert made().insoles
