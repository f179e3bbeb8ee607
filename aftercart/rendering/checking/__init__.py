"""What can be said about a template before launch."""
