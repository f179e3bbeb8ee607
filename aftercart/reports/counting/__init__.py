"""Figures that take a look at every mail of a week, to be kept (`aftercart/db/tables/figures.py`) and not asked anew.

shown    products that mails showed because of others, and what people did with them; by who chose them, too
domains  what became of mails, by the domains of their readers
cohorts  what people did in the weeks after they were first mailed, or first ordered
"""
