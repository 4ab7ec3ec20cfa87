"""The words that decision records are written in, in the languages that people write them in."""
