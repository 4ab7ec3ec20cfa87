"""The roles, each a typed question with a typed answer; `backends/` answers them."""
