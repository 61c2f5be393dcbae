"""The command line itself: help, languages, wrong usage, streams (docs/commands.md)."""

from __future__ import annotations

import io
import json
import os
import re
import string
import subprocess
import sys
import time
from pathlib import Path

import pytest
from station_runs import COMMAND, ROOT, environment, plantar

from station import commands
from station.console import Console, Guard, dump
from station.errors import one_line
from station.messages import FOLDER, LANGUAGES, Texts, catalogue, columns, table
from station.progress import Progress

HEAVY = ("numpy", "scipy", "trimesh", "matplotlib", "typst", "open3d", "manifold3d", "footscan.types", "insole.types")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_command_helps_with_an_example(lang: str) -> None:
    say = Texts(lang)
    top = plantar("--lang", lang, "--help")
    assert top.code == 0 and top.err == ""
    for name in commands.NAMES:
        assert f"\n    {name} " in top.out
        assert say(f"{name}.help").split("，")[0][:12] in top.out
        run = plantar(name, "--lang", lang, "--help")
        assert run.code == 0 and run.err == ""
        example = run.out[run.out.index(say(f"{name}.example").splitlines()[0]) :]
        assert f"\n  plantar {name} " in example
        for option in ("--json", "--lang", "--debug", "--help"):
            assert option in run.out


def test_help_names_every_readable_format() -> None:
    from footscan.io import FORMATS

    for fmt in FORMATS:
        text = catalogue("en")["measure.scans" if fmt.kind == "scan" else "pressure.recordings"]
        assert fmt.name in text.lower().replace("-", ""), fmt.name


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, station.cli\n"
        "try: station.cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        f"print('LOADED', [m for m in {HEAVY!r} if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "LOADED []"


def test_help_answers_at_once() -> None:
    """At most 0.3 s of a processor; on the clock that is measured in benchmarks/, where nothing else runs."""

    def seconds() -> float:
        start = os.times()
        plantar("--help")
        end = os.times()
        return end.children_user + end.children_system - start.children_user - start.children_system

    assert min(seconds() for _ in range(3)) <= 0.3


def test_version_is_the_one_of_the_project() -> None:
    stated = re.search(r'^version = "([^"]+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert stated is not None
    assert plantar("--version").out == f"plantar {stated[1]}\n"


# ------------------------------------------------------------------ languages


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_one_file_a_language_and_no_other() -> None:
    expected = {f"{kind}{lang}.json" for lang in LANGUAGES for kind in ("", "report.", "pressure.", "reasons.")}
    expected.add("pictures.zh.json")  # in English pictures stay as they are drawn
    assert {p.name for p in FOLDER.iterdir() if not p.name.startswith("__")} == expected


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("kind", ["", "report.", "pressure."])
def test_languages_are_complete(lang: str, kind: str) -> None:
    raw = (FOLDER / f"{kind}{lang}.json").read_text(encoding="utf-8")
    english, other = json.loads((FOLDER / f"{kind}en.json").read_text(encoding="utf-8")), json.loads(raw)
    assert set(other) == set(english)
    for key, text in english.items():
        assert other[key].strip(), key
        assert places(other[key]) == places(text), key
    pairs = json.loads(raw, object_pairs_hook=list)
    assert len(pairs) == len(dict(pairs)), "a key stands twice"


def test_every_text_that_the_code_asks_for_is_there() -> None:
    asked: set[str] = set()
    asked_in_reports: set[str] = set()
    asked_of_pressure: set[str] = set()
    for path in (ROOT / "station").rglob("*.py"):
        if "kiosk" in path.parts:  # has texts of its own, and a test of them
            continue
        text = path.read_text(encoding="utf-8")
        found = asked_in_reports if path.name.startswith("report") else asked
        found = asked_of_pressure if path.name == "pressure_content.py" else found
        found |= set(re.findall(r"""(?:say|tell)\(\s*"([a-z_0-9]+\.[a-zA-Z_0-9]+)\"""", text))
        asked |= {f"left_out.{code}" for code in re.findall(r'LeftOut\(\s*"([a-z_]+)"', text)}
    assert len(asked) > 50
    assert asked <= set(catalogue("en"))
    assert asked_in_reports <= set(json.loads((FOLDER / "report.en.json").read_text(encoding="utf-8")))
    assert asked_of_pressure <= set(json.loads((FOLDER / "pressure.en.json").read_text(encoding="utf-8")))


def test_every_measure_has_a_name() -> None:
    from footscan.measures.measuring import KEYS

    assert {f"name.{key}" for key in KEYS} <= set(catalogue("en"))


def test_chinese_is_chinese() -> None:
    for key, text in catalogue("zh").items():
        words = re.sub(r"\{\w+\}|\W", "", text)
        # some measures are called by their author's name alone, some examples are commands alone
        if words and not key.startswith("name.") and not key.endswith(".example"):
            assert re.search(r"[\u4e00-\u9fff]", words), key


def test_tables_align_wide_characters() -> None:
    lines = table([["左脚", "1"], ["left", "2"]])
    assert columns("左脚") == 4
    assert lines == ["  左脚  1", "  left  2"]


# ------------------------------------------------------------------ wrong usage


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("dance",),
        ("make",),
        ("make", "-o", "order"),
        ("make", "--pressure", "walk.asc", "-o", "order"),
        ("make", "--pair", "a.stl", "--left", "b.stl", "-o", "order"),
        ("make", "--left", "a.stl", "--outputs", "stl,pdf", "-o", "order"),
        ("make", "--left", "a.stl", "--outputs", ",", "-o", "order"),
        ("make", "--left", "a.stl", "-o", ""),
        ("make", "--left", "a.stl", "--unit", "mile", "-o", "order"),
        ("make", "--lef", "a.stl", "-o", "order"),
        ("measure",),
        ("measure", "--side", "both", "a.stl"),
        ("convert", "a.stl"),
        ("--lang", "tlh", "--help"),
    ],
)
def test_wrong_usage_is_2_and_one_line(args: tuple[str, ...], tmp_path: Path) -> None:
    run = plantar(*args, cwd=tmp_path)
    assert run.code == 2
    assert run.out == ""
    assert run.line.startswith("plantar: ")
    assert list(tmp_path.iterdir()) == []


def test_one_file_for_both_feet_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "a.stl").write_bytes(b"solid")
    run = plantar("make", "--left", "a.stl", "--right", "./a.stl", "-o", "order", cwd=tmp_path)
    assert run.code == 2 and "--pair" in run.line


# ------------------------------------------------------------------ streams and endings


def test_a_reader_that_leaves_is_no_failure() -> None:
    script = f"'{sys.executable}' -m station.cli --help | true; echo ${{PIPESTATUS[0]}}"
    run = subprocess.run(
        ["bash", "-c", script], cwd=ROOT, env=environment(), capture_output=True, text=True, check=True
    )
    assert run.stdout.splitlines()[-1] == "0"
    assert run.stderr == ""


class Stream(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_only_on_a_terminal_and_only_when_slow() -> None:
    for stream, after, expected in ((io.StringIO(), 0.0, False), (Stream(), 60.0, False), (Stream(), 0.0, True)):
        with Progress(stream, 4, after_s=after) as bar:
            bar.step("reading")
            bar.step("measuring")
            time.sleep(0.3)
        assert bool(stream.getvalue()) is expected
        if expected:
            assert "1/4" in stream.getvalue() and "measuring" in stream.getvalue()
            assert stream.getvalue().endswith("\r\x1b[K")


def test_error_lines_can_not_move_the_cursor() -> None:
    assert one_line("bad \x1b[2J\nfile\t\x07") == "bad \ufffd[2J file \ufffd"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KeyboardInterrupt(), 130),
        (MemoryError(), 4),
        (OSError(28, "No space left on device", "x.stl"), 4),
        (OSError(27, "File too large", "x.stl"), 4),
        (PermissionError(13, "Permission denied", "x"), 2),
        (OSError(30, "Read-only file system", "x"), 2),
        (OSError(5, "Input/output error", "x"), 3),
        (IndexError("a mistake of ours"), 3),
    ],
)
def test_what_went_wrong_is_one_line_and_a_code(
    error: BaseException, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with Guard(Console(Texts())) as guard:
        raise error
    out, err = capsys.readouterr()
    assert guard.code == code
    assert out == "" and len(err.splitlines()) == 1 and err.startswith("plantar: ")
    with Guard(Console(Texts(), debug=True)) as guard:
        raise error
    assert "Traceback" in capsys.readouterr().err


def test_json_has_no_nan_and_keeps_letters() -> None:
    assert dump({"name": "足"}) == '{\n "name": "足"\n}\n'
    with pytest.raises(ValueError):
        dump({"value": float("nan")})


def test_stdout_that_is_full_is_4() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    with open("/dev/full", "wb") as full:
        run = subprocess.run(
            [*COMMAND, "--version"], cwd=ROOT, env=environment(), stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert run.returncode == 4
    assert len(run.stderr.splitlines()) == 1
