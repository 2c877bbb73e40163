"""A built data set in the files that other tools read."""
