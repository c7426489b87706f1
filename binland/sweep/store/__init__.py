"""Files of results: layout, the journal beside a file that is being written, and who may write it."""
