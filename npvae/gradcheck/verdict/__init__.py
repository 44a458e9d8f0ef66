"""From one case to its findings."""
