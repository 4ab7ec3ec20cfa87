"""What the framework itself costs: start-up, screening, busy slots."""
