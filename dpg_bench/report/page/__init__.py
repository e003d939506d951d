"""One run, or several side by side, as a single HTML file that needs no server and no network."""

from dpg_bench.report.page.result import ReportRequest, WrittenReport, standalone_page, write_report

__all__ = ["ReportRequest", "WrittenReport", "standalone_page", "write_report"]
