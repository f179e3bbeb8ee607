"""How good a ranking is: the protocol, its measures, and others to be measured beside."""
