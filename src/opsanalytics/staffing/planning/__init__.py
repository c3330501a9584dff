"""Planning: the people of the months to come, and what brings them to what is required at least cost."""
