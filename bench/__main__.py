"""Runs the micro-benchmarks one after another: `python -m bench`."""

from bench import execution, loading

if __name__ == "__main__":
    execution.main()
    loading.main()
