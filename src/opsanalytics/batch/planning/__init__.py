"""Planning: what a run is asked for, which jobs that makes, and what each of them is a function of."""
