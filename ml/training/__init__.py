"""Training: split by patient, features, head, calibration, bundle. Never imported by serving."""
