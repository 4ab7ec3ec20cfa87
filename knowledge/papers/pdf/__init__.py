"""PDF: characters as pdfium measures them, put together into lines, tables and headings."""

from archwright.knowledge.papers.pdf.document import read_pdf

__all__ = ["read_pdf"]
