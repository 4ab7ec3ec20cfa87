"""What becomes of trials on many machines: faults, latency, scale."""
