"""Cover: which shifts cover the requirement."""
