"""What everybody in the checker may use: findings, their codes, and every threshold with its reason."""
