"""CSV and XLSX, in and out: the one place where Accord reads what a person sees in a table, and writes one."""

from services.kit.spreadsheets.cells import Cell, Number, Row, TableError, Unreadable, harmless

__all__ = ["Cell", "Number", "Row", "TableError", "Unreadable", "harmless"]
