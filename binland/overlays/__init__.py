"""Theory and closed forms that `binland plot --theory` lays over figures, one file each."""
