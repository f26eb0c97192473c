"""A database as such: where it is, how it is opened, locked, migrated, backed up and asked."""
