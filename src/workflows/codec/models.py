"""The stored form of pydantic models. Nothing here imports pydantic: there are models only where somebody else did.

A model is read back by the state that it had: no validator, converter or hook runs, since they needn't accept what they
have made themselves. So it's equal to the original: with what was set explicitly, extra fields and private attributes.
"""

from __future__ import annotations

from typing import Any

from .objects import Form
from .problems import Refused, Reported, attribute_step, shown, told
from .reading import FAILED, Reader, fields_in, named_values
from .writing import Json, Writer

_KEYS = {"$", "v", "set", "x", "private"}


def model_form(cls: Any, name: str) -> Form:
    """Make the stored form of a pydantic model: its fields, and beside them what isn't as usual."""
    fields: dict[str, Any] = dict(cls.model_fields)

    def encode(value: Any, writer: Writer) -> Json:
        state = value.__getstate__()
        document: dict[str, Json] = {"$": name, "v": None}
        explicit: set[str] = state["__pydantic_fields_set__"]
        if explicit != fields.keys():
            document["set"] = writer.beside(sorted(explicit))
        for key, part in (("x", "__pydantic_extra__"), ("private", "__pydantic_private__")):
            if state.get(part):  # a root model has neither
                document[key] = writer.beside(dict(state[part]))
        present = {field: state["__dict__"][field] for field in fields if field in state["__dict__"]}
        document["v"] = writer.attributes(value, present.keys(), present.values())
        return document

    def decode(payload: Json, reader: Reader) -> object:
        return decode_wide({"$": name, "v": payload}, reader)

    def decode_wide(document: dict[str, Json], reader: Reader) -> object:
        if "v" not in document or not document.keys() <= _KEYS:
            raise Refused(f"should have the keys '$' and 'v', and has {shown(list(document))}")
        beside = {key: reader.value(stored) for key, stored in document.items() if key not in {"$", "v"}}
        values = reader.mapping(fields_in(document["v"]), attribute_step)
        if any(read is FAILED for read in beside.values()):
            raise Reported
        unknown = [shown(field) for field in values if field not in fields]
        missing = [shown(field) for field in fields if field not in values and fields[field].is_required()]
        if unknown or missing:
            raise Refused(
                f"{name} doesn't have {', '.join(missing) or 'all fields'} or has {', '.join(unknown) or 'others'}. "
                f"Its fields: {', '.join(map(repr, fields))}"
            )
        return _restored(cls, name, values, beside)

    return Form(encode, decode, decode_wide)


def _restored(cls: Any, name: str, values: dict[str, object], beside: dict[str, object]) -> object:
    extra = named_values(beside["x"]) if "x" in beside else ({} if cls.model_config.get("extra") == "allow" else None)
    private = named_values(beside["private"]) if "private" in beside else ({} if cls.__private_attributes__ else None)
    fields: dict[str, Any] = cls.model_fields
    added = {field: fields[field].get_default(call_default_factory=True) for field in fields if field not in values}
    state = {
        "__dict__": {**values, **added},
        "__pydantic_fields_set__": _names(beside.get("set", list(fields))),
        "__pydantic_extra__": extra,
        "__pydantic_private__": private,
    }
    try:
        instance = cls.__new__(cls)
        instance.__setstate__(state)
    except Exception as error:  # whatever a model of the user's own does there
        raise Refused(f"{name} can't be made of {shown(values)} and {shown(beside)}: {told(error)}") from error
    return instance


def _names(found: object) -> set[str]:
    names: Any = found
    if type(found) is not list or any(type(name) is not str for name in names):
        raise Refused("should have the names of the fields that were set under 'set', as a list")
    return set(names)
