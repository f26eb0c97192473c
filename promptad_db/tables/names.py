"""The names of the formats, for whoever must know them before anything is printed."""

FORMATS = ("table", "md", "csv", "json", "latex", "html")
