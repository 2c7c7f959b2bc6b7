"""Pictures of a workflow's graph: as text for Mermaid and for Graphviz, as SVG, and as a page."""

from .dot import to_dot as to_dot
from .layout import Layout as Layout
from .layout import arrange as arrange
from .mermaid import to_mermaid as to_mermaid
from .page import to_page as to_page
from .picture import Picture as Picture
from .picture import graph_of_run as graph_of_run
from .picture import picture_of as picture_of
from .svg import to_svg as to_svg
