"""Rows of the table of quality: each measures something on worlds of its own seeds and prints target beside figure."""
