"""Pages of HTML that need nothing else: the report with its charts, and a chart alone."""
