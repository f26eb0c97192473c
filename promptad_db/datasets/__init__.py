"""The data sets of the field: their categories, and how their test images and masks lie on disk."""
