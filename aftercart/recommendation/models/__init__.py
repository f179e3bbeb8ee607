"""A trained model: its embeddings, the weights of what speaks for a product, and its files."""
