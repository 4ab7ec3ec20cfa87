"""What a run found, for people and programs: snapshot, report, page, branches."""
