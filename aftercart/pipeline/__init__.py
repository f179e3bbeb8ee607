"""The story, one verb per file; each owns its transactions.

ingest    a signed webhook becomes a stored event, then an order
enroll    an order enters campaigns: every send is planned with its due time
dispatch  what has fallen due goes to the workers, in batches of ids
send      decide, recommend, render, decide again, claim, hand over, record
record    a click, an unsubscribe
attribute an order earns credit for the click before it
train     past orders become a model;  load  files of orders become past orders
"""
