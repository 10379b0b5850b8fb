"""Grids below the village, the roster of grid workers, and what they reported."""
