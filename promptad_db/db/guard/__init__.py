"""What somebody else's SQL may ask, and how much it may take, judged by the databases' own parsers."""
