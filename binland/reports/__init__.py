"""One page about a sweep, or about several side by side, that opens anywhere without network."""
