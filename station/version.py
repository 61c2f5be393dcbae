"""The version of plantar, from the installed package, or from the checkout that it runs in."""

from __future__ import annotations

from pathlib import Path


def version() -> str:
    """E.g. ``0.1.0``."""
    from importlib import metadata

    try:
        return metadata.version("plantar")
    except metadata.PackageNotFoundError:
        import tomllib

        with open(Path(__file__).parents[1] / "pyproject.toml", "rb") as file:
            return str(tomllib.load(file)["project"]["version"])
