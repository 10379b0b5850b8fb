"""Writes the templates."""

from accord.documents_templates import recommendation, write

write()
recommendation.write()
