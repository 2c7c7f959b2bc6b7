"""What is changed: the operators of Cosmic Ray that matter here, and three of our own.

Left out, for their mutants say nothing about the tests:

- `|` and what stands in annotations: types aren't looked at when the engine runs;
- other comparisons than the opposite and the neighbour (`<` to `==`): what notices `>=` for `<` notices them;
- the removal of decorators: without `@property` or `@attrs.define` nothing works at all;
- the replacement of one variable by another: those of other types are errors, which any test notices.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

import cosmic_ray.plugins
import parso
from cosmic_ray.operators.operator import Example, Operator

_COMPARISONS = (
    *("Eq_NotEq", "NotEq_Eq", "Is_IsNot", "IsNot_Is"),
    *("Lt_LtE", "Lt_GtE", "LtE_Lt", "LtE_Gt", "Gt_GtE", "Gt_LtE", "GtE_Gt", "GtE_Lt"),
)
_ARITHMETIC = ("Add_Sub", "Sub_Add", "Mul_Add", "FloorDiv_Mul", "Mod_Mul", "BitAnd_BitOr", "LShift_RShift")
_OTHERS = (
    *("AddNot", "ReplaceUnaryOperator_Delete_Not", "ReplaceUnaryOperator_Delete_USub"),
    *("ReplaceAndWithOr", "ReplaceOrWithAnd", "ReplaceTrueWithFalse", "ReplaceFalseWithTrue"),
    *("ReplaceBreakWithContinue", "ReplaceContinueWithBreak", "ZeroIterationForLoop"),
    *("ExceptionReplacer", "NumberReplacer"),
)


class _Own(Operator):  # type: ignore[misc]  # Cosmic Ray has no types
    """An operator that replaces a whole simple statement."""

    def mutation_positions(self, node: Any) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
        """Find the statements."""
        if node.type == "simple_stmt" and self.replacement(node.children[0]) is not None:
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """Replace one."""
        statement = node.children[0]
        node.children[0] = parso.parse(f"{statement.get_first_leaf().prefix}{self.replacement(statement)}")
        return node

    @abstractmethod
    def replacement(self, statement: Any) -> str | None:
        """What stands instead; None if it stays."""


class RemoveStatement(_Own):
    """Leaves out a call, an assignment to what others see, a `del`, a `raise` or a `return` without a value."""

    def replacement(self, statement: Any) -> str | None:
        """`pass`, but for what only names something."""
        if statement.type == "expr_stmt":
            target, operator = statement.children[0], statement.children[1]
            is_seen = target.type in ("atom_expr", "power")
            return "pass" if operator.type != "annassign" and (is_seen or operator.get_code().strip() != "=") else None
        is_removed = statement.type in ("atom_expr", "power", "del_stmt", "raise_stmt")
        return "pass" if is_removed or statement.get_code().strip() == "return" else None

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        """For Cosmic Ray's own tests."""
        return (Example("f(x)\n", "pass\n"), Example("a.b = 1\n", "pass\n"))


class ReturnNone(_Own):
    """Returns nothing instead of something."""

    def replacement(self, statement: Any) -> str | None:
        """`return None`, where it isn't that already."""
        is_return = statement.type == "return_stmt"
        return "return None" if is_return and statement.children[1].get_code().strip() != "None" else None

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        """For Cosmic Ray's own tests."""
        return (Example("return x\n", "return None\n"),)


class ReturnOn(_Own):
    """Goes on where `None` was returned."""

    def replacement(self, statement: Any) -> str | None:
        """`pass` for `return None`."""
        return "pass" if statement.get_code().strip() == "return None" else None

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        """For Cosmic Ray's own tests."""
        return (Example("return None\n", "pass\n"),)


cosmic_ray.plugins.OPERATOR_PROVIDERS["own"] = {kind.__name__: kind for kind in (RemoveStatement, ReturnNone, ReturnOn)}

OPERATORS = (
    *(f"core/ReplaceComparisonOperator_{change}" for change in _COMPARISONS),
    *(f"core/ReplaceBinaryOperator_{change}" for change in _ARITHMETIC),
    *(f"core/{name}" for name in _OTHERS),
    *("own/RemoveStatement", "own/ReturnNone", "own/ReturnOn"),
)


def operator(name: str) -> Any:
    """The operator of this name."""
    return cosmic_ray.plugins.get_operator(name)()
