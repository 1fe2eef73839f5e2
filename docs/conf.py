"""Configuration of the Sphinx site; the package has to be installed beside Sphinx."""

import heka

project = "heka-py"
author = "the heka-py developers"
copyright = f"2026, {author}"
version = release = heka.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "sphinx.ext.napoleon",
]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

nitpicky = True
# Names in signatures that have no page of their own.
nitpick_ignore_regex = [("py:.*", r"Any|Buffer|typing_extensions\..*|collections\.abc\..*")]
# The site has to build without a network: the standard library is not looked up.
intersphinx_mapping: dict[str, tuple[str, None]] = {}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_numpy_docstring = False
napoleon_use_rtype = False

html_theme = "furo"
html_title = f"heka-py {release}"
html_static_path = ["_static"]
