"""The HTML report: one page about a sweep, or about several side by side, that needs no network."""
