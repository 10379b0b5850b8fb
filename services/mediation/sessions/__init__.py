"""Sessions of a mediation: rooms, appointments, attendance, records and their signatures."""
