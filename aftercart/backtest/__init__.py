"""What would a campaign have done? Stored orders happen again, through the engine itself, under a clock that is moved.

source   a copy of all facts about orders and people, taken in one snapshot
past     what was known when it begins: all that the engine's own database holds at first
future   what happens from then on, in the order of time
sandbox  the engine: its own database, a clock that stands still, a sender that keeps some mails and sends none
run      from one happening to the next
rivals   what counting alone would have offered in the same mails
bought   what these people really bought afterwards
report   the figures;  page  the same for a browser
"""
