"""Pages of HTML that need nothing else: the report with its charts, and a chart alone.

Importing this package loads neither Altair nor Jinja.
"""

from promptad_db.page.charts import ChartFile, plot
from promptad_db.page.report_page import Page, report_page

__all__ = ["ChartFile", "Page", "plot", "report_page"]
