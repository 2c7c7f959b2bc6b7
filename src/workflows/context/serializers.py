"""Serializers: values as JSON text, through the codec. There is no pickle: loading builds only what is declared."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, cast

from ..codec import Codec, Json
from ..errors import DecodeError, UsageError


class BaseSerializer(ABC):
    """Values to text and back."""

    @abstractmethod
    def serialize(self, value: Any) -> str:
        """Give the text of a value."""

    @abstractmethod
    def deserialize(self, value: str) -> Any:
        """Give the value of a text."""


class JsonSerializer(BaseSerializer):
    """JSON text with tags for what JSON has no form for; the standard library's usual types, and those that are
    declared.

    Args:
        allowed_types: Classes (attrs, dataclasses, enums, events, pydantic models) that may occur.

    Raises:
        UsageError: There are names of classes among them.
    """

    def __init__(self, *, allowed_types: Iterable[type] | None = None) -> None:
        self._types = tuple(allowed_types or ())
        names = [cls for cls in cast("tuple[object, ...]", self._types) if isinstance(cls, str)]
        if names:
            raise UsageError(
                f"allowed_types has names of classes, {names!r}. Give the classes themselves: nothing is imported "
                "because a name says so."
            )
        self._codec = Codec(self._types)

    def with_types(self, *classes: type) -> JsonSerializer:
        """Make a serializer that allows these classes too."""
        return JsonSerializer(allowed_types=dict.fromkeys((*self._types, *classes)))

    def resolve_class(self, qualified_name: str) -> type:
        """Give the allowed class that is stored under this name. Nothing is imported for it.

        Raises:
            DecodeError: There is none. (It's a ValueError.)
        """
        return self._codec.type_named(qualified_name)

    def serialize_value(self, value: Any) -> Json:
        """Give JSON-ready data of a value: what `serialize` gives, before it's text.

        Raises:
            EncodeError: It can't be stored. (It's a ValueError.)
        """
        return self._codec.encode(value)

    def deserialize_value(self, data: Any) -> Any:
        """Give the value of such data.

        Raises:
            DecodeError: It's no such data, or holds types that aren't allowed. (It's a ValueError.)
        """
        return self._codec.decode(data)

    def serialize(self, value: Any) -> str:
        """Give the JSON text of a value.

        Raises:
            EncodeError: It can't be stored. (It's a ValueError.)
        """
        return json.dumps(self.serialize_value(value), allow_nan=False)

    def deserialize(self, value: str) -> Any:
        """Give the value of a JSON text.

        Raises:
            DecodeError: It's no such text, or holds types that aren't allowed. (It's a ValueError.)
        """
        try:
            data = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise DecodeError(f"That isn't JSON: {error}.") from error
        return self.deserialize_value(data)
