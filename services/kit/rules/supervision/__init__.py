"""Rules of supervision: ladders, letters, meetings, matters, clusters, indicators."""
