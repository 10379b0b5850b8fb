"""Word files: a template filled, several joined into one, saved without a trace of when."""

from __future__ import annotations

import copy
import io
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from docx.enum.text import WD_BREAK
from docx.oxml.ns import qn
from docxtpl import DocxTemplate
from jinja2 import StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from casework.package import packed

# A template may be edited in Word by whoever keeps the rules: it can show what it is given and do nothing else.
_ENVIRONMENT = SandboxedEnvironment(autoescape=True, undefined=StrictUndefined)


def filled(content: bytes, sheet: Any) -> Any:
    """Return a template filled from the fields of a dataclass, as a document."""
    return filled_with(content, {each.name: getattr(sheet, each.name) for each in fields(sheet)})


def filled_with(content: bytes, told: Mapping[str, Any]) -> Any:
    """Return a template filled with what is told by name, as a document."""
    template = DocxTemplate(io.BytesIO(content))
    template.render(dict(told), _ENVIRONMENT, autoescape=True)
    return template.docx


def joined(whole: Any, more: Any) -> Any:
    """Return documents as one: templates hold no pictures and no numbering, so that a body is all there is."""
    if whole is None:
        return more
    body = whole.element.body
    whole.add_paragraph().add_run().add_break(WD_BREAK.PAGE)
    end = body.find(qn("w:sectPr"))
    for element in more.element.body:
        if element.tag != qn("w:sectPr"):
            end.addprevious(copy.deepcopy(element))
    return whole


def saved(document: Any) -> bytes:
    """Return the file of a document, without a trace of when it was saved."""
    held = io.BytesIO()
    document.save(held)
    return packed(held.getvalue())
