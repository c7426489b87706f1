"""The result file: its layout, the journal beside it while it is written, and who may write it."""
