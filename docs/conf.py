"""Configuration of the Sphinx site. Sphinx and the package must be installed together."""

import re

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
    "sphinx_copybutton",
]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

nitpicky = True
# Names in signatures that have no page here. They stay without a link, because the site is built
# without a network.
nitpick_ignore_regex = [
    ("py:.*", r"(collections\.abc|datetime|os|types|typing_extensions|typing|uuid)\..*|Any|self"),
    # Names of types that a module imports for type checkers only; a signature has them bare.
    ("py:(class|exc)", r"[A-Z]\w*"),
    ("py:class", r"heka\.(.*\.)?_\w+(\.\w+)?"),
]
autodoc_mock_imports = ["asgiref", "celery", "django", "httpx", "structlog"]  # not needed to build
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "signature"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False

html_theme = "furo"
html_title = f"heka-py {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_extra_path = ["llms.txt"]
html_show_sphinx = False

# What is copied from a terminal block are its commands, without prompts and output.
copybutton_prompt_text = r"\$ |>>> |\.\.\. "
copybutton_prompt_is_regexp = True
copybutton_line_continuation_character = "\\"

#: Default values that have no meaning for a reader: private names, and objects without a text.
HIDDEN_DEFAULT = re.compile(r"= ?(?:_[A-Za-z_]\w*|<[^<>]+>)(?=[,)])")


def setup(app: Sphinx) -> None:
    """Change two things in what autodoc finds.

    Docstrings of attributes are restored: napoleon reads the words before a colon as a type.
    Default values that are private are written ``...``.
    """

    def plain(_app: Sphinx, what: str, _name: str, obj: object, _options: object, lines: list[str]):
        if what in ("attribute", "property") and obj.__doc__:
            lines[:] = prepare_docstring(obj.__doc__)

    def shown(
        _app: Sphinx, _what: str, _name: str, _obj: object, _options: object, *texts: str | None
    ) -> tuple[str | None, ...]:
        return tuple(text and HIDDEN_DEFAULT.sub("= ...", text) for text in texts)

    app.connect("autodoc-process-docstring", plain, priority=600)
    app.connect("autodoc-process-signature", shown)
