"""What the shop tells: webhooks, and files of past orders, products, customers, coupons and rates."""
