"""How the site is built: `make docs` runs Sphinx with this file.

The pages are the markdown files of this folder, which read well on GitHub, too.  Two folders are written anew by each
build: ``chapters/`` from the course's pages, ``reference/`` from the package's public names.  What Sphinx does not
bring is in ``extensions/``, a file a thing.
"""

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "extensions"))

import site_chapters
import site_reference

import minigen

project = "minigen"
author = "minigen contributors"
project_copyright = "minigen contributors, MIT licence"
release = version = minigen.__version__

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "site_katex",
    "site_links",
    "site_docstrings",
]
exclude_patterns = ["_build", "extensions"]
nitpicky = True  # a name that leads nowhere is an error; what may lead nowhere is said in site_docstrings.py

# --- pages ---------------------------------------------------------------------------------------------------

myst_enable_extensions = ["deflist", "dollarmath"]
myst_heading_anchors = 4  # [text](page.md#a-heading), as on GitHub
myst_dmath_double_inline = True

# --- chapters ------------------------------------------------------------------------------------------------

nb_execution_mode = "cache"
nb_execution_cache_path = str(HERE / "_build" / "executed")
nb_execution_raise_on_error = True
nb_execution_timeout = 600  # seconds for a cell: a chapter takes a minute where nothing else runs
nb_execution_in_temp = True
nb_execution_show_tb = True
nb_merge_streams = True
nb_code_prompt_show = "Show the code"
nb_code_prompt_hide = "Hide the code"
nb_mime_priority_overrides = [("html", "image/svg+xml", 1), ("html", "image/png", 2)]
for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(variable, "1")  # the kernels inherit it
os.environ["MPLBACKEND"] = "Agg"
os.environ["IPYTHONDIR"] = str(HERE / "_build" / "ipython")  # not the settings of whoever builds
site_chapters.write_if_new(
    HERE / "_build" / "ipython" / "profile_default" / "ipython_kernel_config.py",
    "c = get_config()\nc.IPKernelApp.log_level = 40  # errors only\n",
)

# --- reference -----------------------------------------------------------------------------------------------

autodoc_typehints = "none"  # the docstrings say types, with shapes
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
default_role = "house"  # `name` in a docstring: a link where there is such a name
python_use_unqualified_type_names = True
add_module_names = False
toc_object_entries_show_parents = "hide"
viewcode_line_numbers = True

# --- looks ---------------------------------------------------------------------------------------------------

highlight_language = "none"  # blocks that do not say what they are: commands, and what they print
html_theme = "furo"
html_title = f"minigen {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_favicon = "_static/favicon.svg"
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
html_theme_options = {"top_of_page_buttons": [], "footer_icons": []}

site_chapters.write(HERE / "chapters")
site_reference.write(HERE / "reference")
