"""The run folder: its manifest, what is on record in it, what it keeps of the runs before, and who holds it."""
