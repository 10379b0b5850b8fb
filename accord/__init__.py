"""The command line of Accord and the supervisor of its embedded stack."""

from accord.places import open_rooms

open_rooms()
