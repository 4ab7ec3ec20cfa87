"""Where runs live: the git repository, its folders and files, and who holds a run."""
