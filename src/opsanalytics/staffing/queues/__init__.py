"""Queues: what callers meet at so many agents, and how many agents keep what is promised to them."""
