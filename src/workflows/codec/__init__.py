"""Values to JSON and back: equal and of the same type, and safe to load."""

from .codec import Codec as Codec
from .copying import own_copy as own_copy
from .copying import own_event as own_event
from .failures import traceback_text as traceback_text
from .writing import Json as Json
