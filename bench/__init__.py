"""Benchmarks: figures as ratios within one run on one machine. `make bench` prints them and writes bench/README.md."""
