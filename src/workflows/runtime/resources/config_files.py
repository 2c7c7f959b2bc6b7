"""`ResourceConfig`: a part of a JSON or TOML file, made into the annotated type."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any, cast

from ...codec import Codec
from ...codec.problems import shown
from ...errors import InvalidInput, WorkflowValidationError
from ...injection import ResourceDefinition
from .factories import identity

SUFFIXES = (".json", ".toml")


class ResourceConfig:
    """Has a parameter given a part of a file: `limits: Annotated[Limits, ResourceConfig("app.toml", "limits")]`.

    The file is read when a step first needs it, and once for a workflow instance. What it says is checked against the
    annotated type: an attrs class, a dataclass, a pydantic model, `dict[str, int]`, and so on.

    Args:
        config_file: A JSON or TOML file; a relative path counts from the working directory.
        path_selector: The part that's wanted, as keys with dots between: `"database.replicas.0"`. Default: all of it.
        label: What to call it where the workflow is drawn.
        description: What it's for.

    Raises:
        WorkflowValidationError: The file is of another kind, or the selector is no text. (It's a ValueError.)
    """

    def __init__(
        self,
        config_file: str | Path,
        path_selector: str | None = None,
        label: str | None = None,
        description: str | None = None,
    ) -> None:
        self.config_file: str = str(config_file)
        self.path_selector: str | None = path_selector
        self.label: str | None = label
        self.description: str | None = description
        self._type: Any = None
        if Path(self.config_file).suffix.lower() not in SUFFIXES:
            raise WorkflowValidationError(
                f"ResourceConfig({self.config_file!r}) names neither a .json nor a .toml file, and only these are read."
            )
        given = cast("object", path_selector)
        if given is not None and not isinstance(given, str):
            raise WorkflowValidationError(
                f"ResourceConfig({self.config_file!r}) has the selector {path_selector!r}. Write keys with dots "
                'between, such as "database.port".'
            )

    @property
    def name(self) -> str:
        """The file, and the part of it."""
        return self.config_file if self.path_selector is None else f"{self.config_file}.{self.path_selector}"

    @property
    def cache(self) -> bool:
        """Whether one serves all steps: yes."""
        return True

    @property
    def key(self) -> Hashable:
        """The same for markers that mean the same part of a file, as the same type."""
        return ResourceConfig, self.config_file, self.path_selector, identity(self._type)

    async def resolve(self, resource_manager: Any) -> Any:
        """Give what the manager has, or has loaded."""
        return await resource_manager.get(self)

    def set_type_annotation(self, type_annotation: Any) -> None:
        """Take note of the type to make; without one, the data is given as it is."""
        self._type = type_annotation

    def set_localns(self, localns: Mapping[str, Any]) -> None:
        """Nothing: the type is resolved already."""

    def get_dependencies(self) -> tuple[ResourceDefinition, ...]:
        """The resources that it's made of: none."""
        return ()

    def load(self, codec: Codec) -> Any:
        """Read the file, and make its part into the annotated type.

        Raises:
            FileNotFoundError: There's no such file.
            InvalidInput: It can't be read, hasn't that part, or what's there doesn't fit the type; all problems are
                listed. (It's a ValueError.)
        """
        part, path = self._selected(self._read())
        if self._type is None:
            return part
        try:
            return codec.validate(part, self._type, path)
        except InvalidInput as error:
            raise InvalidInput(f"{self.config_file} doesn't fit.", error.problems) from error

    def _read(self) -> Any:
        path = Path(self.config_file)
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError as error:
            error.add_note(f"It's looked for at {path.absolute()}: a relative path counts from the working directory.")
            raise
        try:
            return json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
        except ValueError as error:  # of either reader
            raise InvalidInput(f"{self.config_file} can't be read: {error}") from error

    def _selected(self, data: Any) -> tuple[Any, str]:
        path = "$"
        for key in [] if self.path_selector is None else self.path_selector.split("."):
            found, there = _looked_up(data, key)
            if not found:
                raise InvalidInput(
                    f"{self.config_file} has no {self.path_selector!r}: there's no {key!r} at {path}, which {there}."
                )
            data, path = data[there], f"{path}[{there}]" if isinstance(there, int) else f"{path}.{there}"
        return data, path

    def __repr__(self) -> str:
        return f"ResourceConfig({self.name})"


def _looked_up(data: Any, key: str) -> tuple[bool, Any]:
    """Whether a key is there, and what to look it up by; else what is there."""
    if isinstance(data, dict):
        keys = cast("dict[str, Any]", data)
        return (True, key) if key in keys else (False, f"has {', '.join(map(repr, keys)) or 'nothing'}")
    if isinstance(data, list):
        count = len(data)  # pyright: ignore[reportUnknownArgumentType]  # of anything
        is_index = key.isascii() and key.isdigit() and int(key) < count
        return (True, int(key)) if is_index else (False, f"is a list of {count}")
    return False, f"is {shown(data)}"
