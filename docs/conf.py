"""Sphinx's settings. `python docs/build.py` gathers the sources and runs Sphinx with them; nothing here is a secret."""

project = "npvae"
author = "The npvae authors"
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["ko/README.md"]
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]
suppress_warnings = ["misc.highlighting_failure"]  # a lesson's cell may use a notebook's magic
nitpicky = True
html_theme = "furo"
html_title = "npvae"
html_static_path = ["_static"]
html_css_files = ["npvae.css"]
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False
html_theme_options = {"navigation_with_keys": True}
pygments_style = "default"
pygments_dark_style = "monokai"


def setup(app):
    """A Korean page says that it is Korean: screen readers and hyphenation go by it."""

    def language_of(app, pagename, templatename, context, doctree):
        if pagename.startswith("ko/"):
            context["language"] = "ko"

    app.connect("html-page-context", language_of)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
