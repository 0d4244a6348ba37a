"""Time series in files, archives and memory, as one dataset type. Numpy and pandas, never torch."""
