"""The network around a mixer, and the checks of mixers that are to run at any length."""
