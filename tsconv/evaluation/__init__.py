"""What predictions are worth: metrics, ensembles, calibration, comparison; no torch."""
