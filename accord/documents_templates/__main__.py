"""Writes the templates."""

from accord.documents_templates import recommendation, supervision, write

write()
recommendation.write()
supervision.write()
