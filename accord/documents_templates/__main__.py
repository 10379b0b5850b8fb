"""Writes the templates."""

from accord.documents_templates import supervision, write

write()
supervision.write()
