"""Mails that come back, written after RFC 3464, RFC 5965 and RFC 3834, in the manner of the servers that write them."""

from collections.abc import Mapping

POSTFIX = """\
Return-Path: <>
Delivered-To: {to}
Received: by mx.shop.example (Postfix)
\tid 4XyZ; Thu,  5 Mar 2026 09:00:05 +0000 (UTC)
Date: Thu,  5 Mar 2026 09:00:05 +0000 (UTC)
From: MAILER-DAEMON@mx.shop.example (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: {to}
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="4XyZ.1741165205/mx.shop.example"

This is a MIME-encapsulated message.

--4XyZ.1741165205/mx.shop.example
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

This is the mail system at host mx.shop.example.

<{recipient}>: host mx.example.com[192.0.2.1] said: {diagnostic} (in reply to RCPT TO command)

--4XyZ.1741165205/mx.shop.example
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.shop.example
X-Postfix-Queue-ID: 4XyZ
X-Postfix-Sender: rfc822; {to}
Arrival-Date: Thu,  5 Mar 2026 09:00:04 +0000 (UTC)

Final-Recipient: rfc822; {recipient}
Original-Recipient: rfc822;{original}
Action: {action}
Status: {status}
Remote-MTA: dns; mx.example.com
Diagnostic-Code: smtp; {diagnostic}

--4XyZ.1741165205/mx.shop.example
Content-Description: Undelivered Message Headers
Content-Type: text/rfc822-headers

Return-Path: <{return_path}>
From: Aftercart Bikes <hello@example.com>
To: {original}
Subject: Goes well with your bike
Message-ID: <x@example.com>
{headers}
--4XyZ.1741165205/mx.shop.example--
"""

EXCHANGE = """\
From: Microsoft Outlook <postmaster@example.com>
To: <{to}>
Subject: Undeliverable: Goes well with your bike
Content-Type: multipart/report; report-type=delivery-status; boundary="b1_"
MIME-Version: 1.0

--b1_
Content-Type: multipart/alternative; boundary="b2_"

--b2_
Content-Type: text/html; charset="us-ascii"

<p>Your message couldn't be delivered.</p>
--b2_--

--b1_
Content-Type: message/delivery-status

Reporting-MTA: dns;AM0PR01.eurprd01.prod.exchangelabs.com
Received-From-MTA: dns;mx.shop.example

Final-Recipient: rfc822;{recipient}
Action: failed
Status: {status}
Diagnostic-Code: smtp;{diagnostic}

--b1_
Content-Type: message/rfc822

From: Aftercart Bikes <hello@example.com>
To: {original}
Subject: Goes well with your bike
{headers}
Content-Type: text/plain

A lamp, a lock and a bell.
--b1_--
"""

QMAIL = """\
Return-Path: <>
Received: (qmail 1234 invoked for bounce); 5 Mar 2026 09:00:05 -0000
Date: 5 Mar 2026 09:00:05 -0000
From: MAILER-DAEMON@mx.example.com
To: {to}
Subject: failure notice

Hi. This is the qmail-send program at mx.example.com.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<{recipient}>:
{diagnostic}

--- Below this line is a copy of the message.

Return-Path: <{return_path}>
Subject: Goes well with your bike
{headers}
<nobody@example.com>:
A lamp, a lock and a bell.
"""

EXIM = """\
Return-path: <>
Envelope-to: {to}
X-Failed-Recipients: {recipient}
Auto-Submitted: auto-replied
From: Mail Delivery System <Mailer-Daemon@mx.example.com>
To: {to}
Subject: Mail delivery failed: returning message to sender

This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  {recipient}
    host mx.example.com [192.0.2.1]
    SMTP error from remote mail server after RCPT TO:<{recipient}>:
    {diagnostic}

------ This is a copy of the message, including all the headers. ------

Return-path: <{return_path}>
Subject: Goes well with your bike
{headers}
A lamp, a lock and a bell.
"""

FEEDBACK_LOOP = """\
From: <feedback@mailbox-provider.example>
Date: Thu, 5 Mar 2026 12:00:00 +0000
Subject: FW: Goes well with your bike
To: <{to}>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report;
\tboundary="part1_13d.2e68ed54_boundary"

--part1_13d.2e68ed54_boundary
Content-Type: text/plain; charset="US-ASCII"

This is an email abuse report for an email message received from IP 192.0.2.1.
--part1_13d.2e68ed54_boundary
Content-Type: message/feedback-report

Feedback-Type: {feedback_type}
User-Agent: SomeGenerator/1.0
Version: 1
Original-Mail-From: <{return_path}>
Original-Rcpt-To: <user@redacted.example>
Received-Date: Thu, 5 Mar 2026 11:00:00 +0000
Source-IP: 192.0.2.1
Reported-Domain: example.com

--part1_13d.2e68ed54_boundary
Content-Type: message/rfc822
Content-Disposition: inline

From: Aftercart Bikes <hello@example.com>
To: <user@redacted.example>
Subject: Goes well with your bike
{headers}
Content-Type: text/plain

A lamp, a lock and a bell.
--part1_13d.2e68ed54_boundary--
"""

AWAY = """\
From: Ada <{recipient}>
To: {to}
Subject: Automatic reply: Goes well with your bike -- unsubscribe
Auto-Submitted: auto-replied (vacation)
Date: Thu, 5 Mar 2026 09:01:00 +0000
Content-Type: text/plain

I am out of office until Monday. Please unsubscribe me from nothing. 550 5.1.1 user unknown.
"""

PERSON = """\
From: Ada <{recipient}>
To: {to}
Subject: Re: Goes well with your bike
Content-Type: text/plain

Thank you, but which lamp fits?
"""


def letter(form: str, **facts: str) -> bytes:
    """One of the above, about a mail to Ada; say what is to be different."""
    usual: Mapping[str, str] = {
        "to": "bounces@shop.example",
        "recipient": "ada@example.com",
        "status": "5.1.1",
        "diagnostic": "550 5.1.1 <ada@example.com>: Recipient address rejected: User unknown",
        "action": "failed",
        "feedback_type": "abuse",
        "return_path": "hello@example.com",
        "headers": "",
    }
    known = {**usual, **facts}
    known.setdefault("original", known["recipient"])
    text = form.format(**known)
    return text.replace("\n", "\r\n").encode()


POISON_MAIL = b"Content-Type: message/rfc822\r\n\r\n" * 1000 + b"x"
"""A mail in a mail in a mail: Python's reader goes as deep as it can."""
