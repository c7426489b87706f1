"""The documentation: `pip install -e '.[docs]' -c constraints.txt`, then `sphinx-build -W docs docs/_build/html`.

It is built without the network: formulas become MathML, which browsers draw by themselves, and nothing is fetched.
"""

import sys
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

project = "binland"
author = "The binland developers"
copyright = author
version = release = metadata.version("binland")

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_design",
    "sphinx_copybutton",
    "mathml",
    "from_code",
]
gallery = HERE / "gallery"
if any(gallery.glob("plot_*.py")):  # scripts of the gallery; without one there is nothing to build
    extensions.append("sphinx_gallery.gen_gallery")
    sphinx_gallery_conf = {
        "examples_dirs": str(gallery),
        "gallery_dirs": "gallery_made",
        "filename_pattern": "plot_",
        "image_scrapers": ("animations.scraper",),
        "download_all_examples": False,
        "show_signature": False,
        "remove_config_comments": True,
        "write_computation_times": False,
    }

source_suffix = {".rst": "restructuredtext", ".md": "myst-nb", ".ipynb": "myst-nb"}  # autosummary writes the first
exclude_patterns = ["_build", "gallery/*", "gallery_made/**.ipynb", "**/sg_execution_times.rst"]
templates_path = ["_templates"]
nitpicky = False
suppress_warnings = ["myst.header"]  # pages of experiments begin with parts of others

nb_execution_mode = "off"  # tests/test_docs.py runs every block
myst_enable_extensions = ["dollarmath", "deflist", "colon_fence", "attrs_inline"]
myst_heading_anchors = 4
myst_links_external_new_tab = False

autosummary_generate = True
autosummary_filename_map = {  # where file systems do not tell Barrier from barrier
    "binland.barrier": "binland.barrier-function",
    "binland.plane": "binland.plane-function",
    "deepbridge.plane": "deepbridge.plane-function",
}
default_role = "py:obj"  # `SGD` in a docstring is a link, or code where there is no such page
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # signatures show them
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
numpydoc_xref_param_type = False

html_theme = "pydata_sphinx_theme"
html_title = "binland"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "show_prev_next": True,
    "header_links_before_dropdown": 7,
    "navbar_align": "left",
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
    "secondary_sidebar_items": ["page-toc"],
    "pygments_light_style": "tango",
}
html_sidebars = {"index": []}
copybutton_prompt_text = r"\$ |>>> "
copybutton_prompt_is_regexp = True
