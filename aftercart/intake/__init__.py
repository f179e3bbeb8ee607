"""Intake: what a shop says, in its own words, becomes one vocabulary of changes, and the changes become rows.

base         the vocabulary (Order, Buyer, Reversal, Product, Change) and the shape of a shop
generic, shopify, woocommerce     one shop each: their words → ours
shops        the shops that exist, opened with their secrets
reader       a JSON body read tolerantly; every fault names its field
clean        what may enter: text, ids, addresses, locales, zones, countries
signing      how each shop signs; used by the check, by the demo and by tests
order_state  which version of an order holds, and what refunds make of it (pure)
consent      what a statement adds to a person's consent (pure)
store        the only file that touches the database
"""
