"""A leaderboard as a folder of static pages, for any web server or none."""

from dpg_bench.report.site.result import WrittenSite, write_site

__all__ = ["WrittenSite", "write_site"]
