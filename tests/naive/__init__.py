"""Plain-numpy oracles, written to be obviously right. They import nothing from the packages they check."""
