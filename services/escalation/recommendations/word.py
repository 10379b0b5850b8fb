"""The letter of a recommendation as a Word document, out of its template."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from docxtpl import DocxTemplate
from jinja2 import StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from casework.package import packed

TEMPLATE = Path("recommendations", "letter.docx")
"""Below the rules folder; a plain Word file that a centre may change in Word."""
MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
# Whoever keeps the rules may edit the template: it can show what it is given and do nothing else.
_ENVIRONMENT = SandboxedEnvironment(autoescape=True, undefined=StrictUndefined)


def rendered(template: bytes, told: Mapping[str, Any]) -> bytes:
    """Return the template filled, without a trace of when that was done."""
    document = DocxTemplate(io.BytesIO(template))
    document.render(dict(told), _ENVIRONMENT, autoescape=True)
    held = io.BytesIO()
    document.docx.save(held)
    return packed(held.getvalue())
