"""Complements for orders. The way in is `recommender`: a batch of orders in, picks for each out.

From below, each room knowing only those before it:

inputs    products, what is known of each, and who bought what when, as arrays (`store` reads them)
asking    what is asked for an order, and what must never be the answer
counted   what past orders show by counting: what goes together, what is bought instead, what comes after
models    a trained model: embeddings, the weights of what speaks for a product, files
ranking   the catalog ranked for a batch of orders, and the slots of each filled
judging   how good a ranking is, and others to be measured beside
learning  from past orders to a model, and whether it may serve

`serving` holds the model that serves now, and takes a newer one between two batches.
"""
