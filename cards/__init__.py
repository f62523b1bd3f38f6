"""Templates and texts for data set cards."""
