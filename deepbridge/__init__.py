"""Deep binary networks on torch: the same questions, words and result types as binland."""
