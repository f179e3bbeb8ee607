"""Which orders enter a campaign, and when its mails are due for them."""
