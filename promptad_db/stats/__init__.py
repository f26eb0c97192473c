"""Variances, intervals and tests from sums over images, without numpy."""
