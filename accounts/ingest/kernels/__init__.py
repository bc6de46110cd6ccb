"""Compiled loops over the buffers of Arrow columns: hashing, finding records, reading times and whole numbers."""
