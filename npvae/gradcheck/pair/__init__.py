"""Call a forward/backward pair, and check what no comparison of numbers can see."""
