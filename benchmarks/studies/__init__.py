"""Small studies of ideas from the literature: measured on digits before anything is shipped."""
