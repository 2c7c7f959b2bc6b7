"""The command `workflows`."""

from .command import main as main
