"""What recipients, and those who carry mails to them, have to say."""
