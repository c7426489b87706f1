"""Networks whose weights and hidden units are all -1 or +1."""
