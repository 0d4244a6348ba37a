"""Presets of settings, one TOML file each; no code."""
