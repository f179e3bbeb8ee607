"""How fast is it? Each measurement stands beside its floor: the bare work that nothing can do without.

A ratio of 1.00 is the floor itself. Ours and the floor take turns in one process, so that both meet the same noise;
what is printed are medians.
"""
