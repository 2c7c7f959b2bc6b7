"""Resources for steps, under the name that users import them from."""

from __future__ import annotations

from .injection import ResourceDefinition as ResourceDefinition
from .injection import ResourceDescriptor as ResourceDescriptor
from .runtime.resources.config_files import ResourceConfig as ResourceConfig
from .runtime.resources.factories import Resource as Resource
from .runtime.resources.resource_manager import ResourceManager as ResourceManager
