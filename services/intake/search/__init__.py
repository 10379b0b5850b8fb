"""Search in the texts of open reports, by those who may read them."""
