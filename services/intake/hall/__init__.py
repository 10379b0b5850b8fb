"""The hall of a centre: windows, who is posted there, and the queue."""
