"""Handing mails to a mail server by SMTP (RFC 5321): one thread, several connections, each step in one round trip."""
