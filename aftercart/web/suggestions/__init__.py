"""`GET /api/recommendations`: what the shop's own pages show beside a product or in a checkout.

For shops: docs/recommendations-api.md.
"""
