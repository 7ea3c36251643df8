"""What is measured: micro-benchmarks that find regressions, and the run beside other servers."""
