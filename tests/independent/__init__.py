"""Every number of the reports, computed a second time: with pandas from what was logged, by the definitions and no SQL."""
