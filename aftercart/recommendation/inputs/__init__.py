"""What shops told, as arrays: products, what is known of each, and who bought what when."""
