"""The pictures that stand on the page about drawing are those that its blocks draw."""

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Backend
from tests.docs.pages import ROOT, PageRun

PAGE = ROOT / "docs" / "how-to" / "drawing.md"
PICTURES = sorted((ROOT / "docs" / "how-to" / "drawing").glob("*.svg"))
DRAWN_WITH = ("2.0", "2.0.4")  # another Graphviz may find other places


def test_the_page_shows_each_picture() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert PICTURES
    for picture in PICTURES:
        assert f"](drawing/{picture.name})" in text


def test_the_pictures_on_the_page_are_those_that_it_draws(
    anyio_backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library: Any = pytest.importorskip("pygraphviz")
    PageRun(PAGE, anyio_backend, tmp_path, monkeypatch).all()
    for picture in PICTURES:
        drawn, kept = (tmp_path / picture.name).read_text(encoding="utf-8"), picture.read_text(encoding="utf-8")
        assert words_in(drawn) == words_in(kept), f"copy {tmp_path / picture.name} to {picture}"
        if library.__version__ in DRAWN_WITH:
            assert drawn == kept, f"copy {tmp_path / picture.name} to {picture}"


def words_in(svg: str) -> list[str]:
    """What is written in a picture."""
    return [part.partition("<")[0] for part in svg.split(">")]
