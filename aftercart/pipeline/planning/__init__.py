"""Who shall get which mail, and when."""
