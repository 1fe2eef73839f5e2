"""Configuration of the Sphinx site. Sphinx and the package must be installed together."""

from sphinx.application import Sphinx
from sphinx.util.docstrings import prepare_docstring

import heka

project = "heka-py"
author = "the heka-py developers"
copyright = f"2026, {author}"
version = release = heka.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

nitpicky = True
# Names in signatures that have no page here. They stay without a link, because the site is built
# without a network.
nitpick_ignore_regex = [
    ("py:.*", r"(collections\.abc|datetime|os|typing_extensions|typing|uuid)\..*|Any|Buffer|self"),
    ("py:class", r"heka\..*\._[A-Z]\w*"),
]
autodoc_mock_imports = ["structlog"]  # the integration is documented without it
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "signature"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False

html_theme = "furo"
html_title = f"heka-py {release}"
html_static_path = ["_static"]


def setup(app: Sphinx) -> None:
    """Restore docstrings of attributes: napoleon reads the words before a colon as a type."""

    def plain(_app: Sphinx, what: str, _name: str, obj: object, _options: object, lines: list[str]):
        if what in ("attribute", "property") and obj.__doc__:
            lines[:] = prepare_docstring(obj.__doc__)

    app.connect("autodoc-process-docstring", plain, priority=600)
