"""Digests that are made late, as bursts of plain events have them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NoReturn, cast


class Late(Sequence[int]):
    """Digests that are made when somebody looks."""

    def __init__(self, digests: Sequence[int]) -> None:
        self.digests = digests
        self.looks = 0

    def __len__(self) -> int:
        return len(self.digests)

    def __iter__(self) -> Iterator[int]:
        self.looks += 1
        return iter(self.digests)

    def __getitem__(self, index: object) -> NoReturn:
        raise AssertionError("all of them are taken in, in their order")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(cast("Sequence[int]", other))

    def __hash__(self) -> int:
        return hash(tuple(self))
