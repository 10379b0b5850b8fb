"""Links: what people decided about two reports."""
