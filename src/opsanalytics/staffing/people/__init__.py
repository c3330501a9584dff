"""People: from those at work to those paid, on the clock of their site."""
