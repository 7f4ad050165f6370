"""How Sphinx builds these pages: ``make docs``."""

import importlib.metadata

project = "spikeport"
author = "the spikeport developers"
copyright = "2026, the spikeport developers"
release = importlib.metadata.version("spikeport")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
myst_heading_anchors = 3  # links to headings, as code forges make them
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_ivar = True  # the fields of a dataclass are documented by autodoc already: once is enough

html_theme = "furo"
html_title = f"spikeport {release}"
html_copy_source = False
