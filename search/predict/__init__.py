"""Predictions before training: surrogates, proxies, latency."""
