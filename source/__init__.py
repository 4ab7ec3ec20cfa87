"""Reading and editing Python as a syntax tree: parsing, counting, widths, fingerprint.

`fingerprint` itself is to be had from its module, which has the same name.
"""

from __future__ import annotations

from archwright.source.code import Change, SourceCode, code_of, parse
from archwright.source.counting import Blueprint, build_blueprint, count_parameters
from archwright.source.fingerprint import FAMILIES, ParsedSource, family, read_source
from archwright.source.scaling import fit_parameters, scale_width
from archwright.source.widths import find_widths

__all__ = [
    "FAMILIES",
    "Blueprint",
    "Change",
    "ParsedSource",
    "SourceCode",
    "build_blueprint",
    "code_of",
    "count_parameters",
    "family",
    "find_widths",
    "fit_parameters",
    "parse",
    "read_source",
    "scale_width",
]
