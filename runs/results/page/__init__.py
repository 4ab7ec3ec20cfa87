"""The morning report as one self-contained HTML page: no network, no script."""

from archwright.runs.results.page.writing import render_page, write_page

__all__ = ["render_page", "write_page"]
