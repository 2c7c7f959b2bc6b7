"""What doesn't fit about data from outside: single misfits, and the trees that cattrs makes of them."""

from __future__ import annotations

from collections.abc import Iterator

from cattrs import AttributeValidationNote, ClassValidationError, IterableValidationError, IterableValidationNote

from .problems import key_step, shown, told


class Misfit(ValueError):
    """A value from outside that doesn't fit; the message is for whoever sent it."""


def misfit(expected: str, value: object) -> Misfit:
    """Say what was expected, and what came."""
    return Misfit(f"expected {expected}, got {shown(value)} ({type(value).__name__})")


def unknown(name: str, reason: str) -> Exception:
    """A misfit at a name, rather than at what stands there."""
    return noted(Misfit(reason), at_attribute(name))


def noted(error: Exception, note: str) -> Exception:
    """Say where an error belongs, in the way of cattrs."""
    error.__notes__ = [note]
    return error


def at_attribute(name: str) -> AttributeValidationNote:
    """Note that an error belongs to a field."""
    return AttributeValidationNote("", name, None)


def at_index(index: int) -> IterableValidationNote:
    """Note that an error belongs to an item."""
    return IterableValidationNote("", index, None)


def problems_of(error: Exception, path: str) -> Iterator[str]:
    """List the leaves of a tree of errors, with their paths."""
    if not isinstance(error, IterableValidationError | ClassValidationError):
        yield f"{path}: {error}" if isinstance(error, Misfit) else f"{path}: {told(error)}"
        return
    noted, others = error.group_exceptions()
    for inner, note in noted:
        if isinstance(note, AttributeValidationNote):
            step = key_step(note.name)
        else:
            step = key_step(note.index)
        yield from problems_of(inner, f"{path}{step}")
    for inner in others:
        yield from problems_of(inner, path)


def located(location: tuple[str | int, ...], message: str) -> Exception:
    """A misfit at a place that is reached in several steps."""
    error: Exception = Misfit(message)
    for step in reversed(location):
        if isinstance(step, int):
            error = items_misfit([noted(error, at_index(step))], list)
        else:
            error = class_misfit([noted(error, at_attribute(step))], object)
    return error


def class_misfit(problems: list[Exception], cls: type) -> Exception:
    """What is wrong with the fields of an object."""
    return ClassValidationError("", problems, cls)  # pyright: ignore[reportCallIssue]  # it takes them for a group's own


def items_misfit(problems: list[Exception], cls: type) -> Exception:
    """What is wrong with the items of a container."""
    return IterableValidationError("", problems, cls)  # pyright: ignore[reportCallIssue]  # it takes them for a group's own
