"""The command line: one file a command; each is a signature, one call and one rendering."""
