"""What a wrong gradient looks like: the name of the mistake."""
