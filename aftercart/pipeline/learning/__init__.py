"""Models are trained, looked after and asked; what came of mails is counted."""
