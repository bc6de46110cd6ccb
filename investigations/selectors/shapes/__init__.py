"""What selectors hand to pages, API, exports and reports: frozen dataclasses, one module a subject."""
