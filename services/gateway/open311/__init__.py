"""Open311 GeoReport v2: a door for programs that do not know Accord. What it needs is on docs/doors.md."""
