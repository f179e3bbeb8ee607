"""The story, one verb per file; each owns its transactions. Its chapters, with the verb to begin with:

incoming    `ingest`: a signed webhook becomes a stored event, then an order;  `load`: files become past orders
planning    `enroll`: an order enters campaigns: every send is planned with its due time
sending     `dispatch`: what has fallen due goes to the workers, in batches of ids
            `send`: decide, recommend, render, decide again, claim, hand over, record
recipients  `record`: a click, an unsubscribe
learning    `train`: past orders become a model
upkeep      `tidy`: what is long over leaves the tables that are worked on

A story of its own is `rights`: a person sees all that is kept of them, or is forgotten. And several chapters need
`attribute` (an order earns credit for the click before it), `watch` (is this the database that sends?) and `traced`.
"""
