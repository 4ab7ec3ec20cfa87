"""What model servers really send: contents of every shape, streams, refusals, limits, and how each
is read."""
