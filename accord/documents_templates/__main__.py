"""Writes the templates."""

from accord.documents_templates import write

write()
