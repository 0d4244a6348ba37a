"""One verb a file: what a command does, for the command line and for Python alike."""
