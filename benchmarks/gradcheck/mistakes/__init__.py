"""Wrong gradients written by hand, a file for each set, and the right ops that were written for them."""
