"""Every code block of the README and of the documentation runs, on both backends, and prints what the page says."""

from pathlib import Path

import pytest

from tests.conftest import Backend
from tests.docs.pages import PAGES, PageRun, blocks_of, name_of

WITH_CODE = [page for page in PAGES if any(block.language in ("python", "console") for block in blocks_of(page))]
SHOWN_ONLY = {"sh", "none", "{toctree}", "{eval-rst}"}
RUN_OR_COMPARED = {"python", "console", "text", "json"}
NEEDED_FOR = {
    "trio": ('"trio"', "simulate", "sweep_", "check_replay"),
    "pydantic": ("import pydantic", "from pydantic"),
    "tenacity": ("import tenacity",),
    "opentelemetry.sdk": ("opentelemetry",),
    "pygraphviz": ("draw_svg", "draw_html"),
}


@pytest.mark.parametrize("page", [pytest.param(page, id=name_of(page)) for page in WITH_CODE])
def test_every_block_of_a_page_does_what_it_says(
    page: Path, anyio_backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = blocks_of(page)
    commands = "".join(block.text for block in blocks if block.language == "console")
    run = [block for block in blocks if block.caption is None or block.caption in commands]
    code = "".join(block.text for block in run if block.language == "python")
    for package, words in NEEDED_FOR.items():
        if any(word in code for word in words):
            pytest.importorskip(package)
    PageRun(page, anyio_backend, tmp_path, monkeypatch).all()


@pytest.mark.parametrize("page", [pytest.param(page, id=name_of(page)) for page in PAGES])
def test_no_block_is_left_out_by_its_language(page: Path) -> None:
    languages = {block.language for block in blocks_of(page)}
    assert languages <= SHOWN_ONLY | RUN_OR_COMPARED
