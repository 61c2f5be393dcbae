"""Each example runs, and one number of it is the one that was built into its synthetic input."""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "examples"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{name}", FOLDER / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_example_is_here() -> None:
    tested = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    assert {path.stem for path in FOLDER.glob("*.py")} <= tested


def test_measure_a_scan() -> None:
    assert load("measure_a_scan").main() == pytest.approx(255.0, abs=1.0)


def test_compare_two_scans() -> None:
    assert load("compare_two_scans").main() == pytest.approx(0.02 * 245.0, abs=1.0)


def test_read_a_walk() -> None:
    assert load("read_a_walk").main() == pytest.approx(110.0, abs=1.0)


def test_compare_two_walks() -> None:
    assert load("compare_two_walks").main() == pytest.approx(0.8, abs=0.01)


def test_design_a_pair(tmp_path: Path) -> None:
    length = load("design_a_pair").main(tmp_path)
    assert length == pytest.approx(260.0 + 10.0 - 4.5, abs=1.0)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["left.stl", "right.stl"]


def test_soften_and_predict(tmp_path: Path) -> None:
    assert -50.0 < load("soften_and_predict").main(tmp_path) < 0.0  # the built-in walk presses hardest where it softens
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cover.dxf", "plate.3mf"]


def test_change_a_prescription() -> None:
    assert load("change_a_prescription").main() == pytest.approx(4.0, abs=0.2)


def test_loop_over_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module = load("loop_over_a_folder")
    module.fill(tmp_path)
    assert module.main(tmp_path) == pytest.approx(255.0, abs=1.0)
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 3 and "shopping.stl" in err


def test_add_a_product() -> None:
    module = load("add_a_product")
    assert asyncio.run(module.main()) == 1
    assert len(Path(str(module.__file__)).read_text(encoding="utf-8").splitlines()) < 100


def test_batch_of_measures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert load("batch_of_measures").main(tmp_path) == pytest.approx(27.0, abs=2.0)
    assert "Cleo: " in capsys.readouterr().out and not (tmp_path / "night" / "Cleo").exists()


def test_batch_with_an_engine_of_your_own(tmp_path: Path) -> None:
    assert load("batch_with_an_engine_of_your_own").main(tmp_path) == pytest.approx(20.0, abs=2.0)
