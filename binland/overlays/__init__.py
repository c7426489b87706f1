"""Curves of theory that `binland plot --theory` draws over figures, one file each."""
