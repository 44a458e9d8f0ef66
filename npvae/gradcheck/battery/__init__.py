"""Where an op is looked at: the samples, and their arrays."""
