"""Effects: operations without a result, of which a record keeps how many there were, and a digest."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import ClassVar

import attrs

from .empty import EMPTY_LIST

_DIGEST_BITS = 0xFFFF_FFFF_FFFF_FFFF


@attrs.define(weakref_slot=False, eq=False)
class Effects:
    """So many operations without a result, one after the other; `digest` covers what they were, in their order.

    What comes as a tuple is taken in at once, as are single digests. Any other sequence makes its digests when it's
    looked at, and that's not before somebody asks for this one, or something else follows.
    """

    count: int
    _digest: int
    _later: list[Sequence[int]] = EMPTY_LIST

    @property
    def digest(self) -> int:
        """The digest of them all."""
        if self._later:
            self.settle()
        return self._digest

    def settle(self) -> None:
        """Take in what was left for later."""
        later, self._later = self._later, EMPTY_LIST
        for digests in later:
            self._digest = reduce(folded, digests, self._digest)

    def add(self, digest: int) -> None:
        """Take in one more."""
        self.count += 1
        self._digest = folded(self.digest, digest)

    def add_all(self, digests: Sequence[int]) -> None:
        """Take in several more."""
        self.count += len(digests)
        if isinstance(digests, tuple):
            self._digest = reduce(folded, digests, self.digest)
        elif self._later:
            self._later.append(digests)
        else:
            self._later = [digests]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Effects) and (self.count, self.digest) == (other.count, other.digest)

    __hash__: ClassVar[None]  # type: ignore[assignment]

    def __str__(self) -> str:
        return (
            f"{self.count} operations without a result (sending, streaming, writing state), digest {self.digest:016x}"
        )


def folded(digest: int, item: int) -> int:
    """The digest of a sequence with one more item."""
    return (digest * 0x1000003 + item + 1) & _DIGEST_BITS
