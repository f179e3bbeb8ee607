"""Mail services with an HTTP interface (Postmark, Amazon SES, Mailgun, ...), by way of django-anymail.

`vendors` says what each of them can do; `answer` what its answers mean. Django and Anymail are imported when a sender
is opened, and by nothing else: without the extra `esp` neither is needed.
"""
