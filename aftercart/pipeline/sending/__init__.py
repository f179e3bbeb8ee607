"""What has fallen due becomes mails: decided, rendered, handed over; and what becomes of those in doubt."""
