"""One self-contained page about a run or a comparison: a file a kind, and the page they share."""
