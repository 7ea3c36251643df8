"""Micro-benchmarks that find regressions, and benchmarks beside other servers."""
