"""What comes back after a mail was handed over: deliveries, bounces, complaints.

Two ways in, one vocabulary (`told`): the webhooks of mail services (`esp`), and mails to the address that every bounce
returns to (`mail`: RFC 3464 notices in `dsn`, RFC 5965 reports in `arf`). `effect` decides what a report changes.
"""
