"""Run directories: where a trained classifier lives, and how it gets there whole."""
