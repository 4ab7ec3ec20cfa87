"""Every measurement: what `archwright bench` runs, and what the README's figures come from."""
