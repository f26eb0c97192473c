"""One cell opened up: its curves, its images and anomaly maps."""
