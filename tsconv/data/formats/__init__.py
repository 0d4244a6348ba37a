"""One file a file format; each reads and writes, and registers under its stem."""
