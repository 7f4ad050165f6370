"""What became of every layer: the catalogue of reasons, the report, and its pictures as text and JSON."""

from __future__ import annotations

from .reasons import REASONS, Reason, Severity
from .report import Entry, Report, ReportBuilder

__all__ = ["REASONS", "Entry", "Reason", "Report", "ReportBuilder", "Severity"]
