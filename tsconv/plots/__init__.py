"""Figures drawn from plain tables: each file one figure, a function that returns it."""

from matplotlib.figure import Figure

__all__ = ["Figure"]
