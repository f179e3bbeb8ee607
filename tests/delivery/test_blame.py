"""Replies that servers of this world give, as their operators' pages, bug trackers and logs of senders show them.

Addresses of people and machines are replaced.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftercart.delivery.base import Outcome, Receipt
from aftercart.delivery.smtp.reply import Phase, Reply, refusal
from aftercart.ids import new_id

NO_SUCH_ADDRESS = [
    # Gmail
    "550 5.1.1 The email account that you tried to reach does not exist. Please try\n5.1.1 double-checking the "
    "recipient's email address for typos or\n5.1.1 unnecessary spaces. For more information, go to\n5.1.1  "
    "https://support.google.com/mail/?p=NoSuchUser a1-20020a5d4481si.42 - gsmtp",
    # Yahoo, AOL
    "554 delivery error: dd This user doesn't have a yahoo.com account (ada@example.com) [0] - mta1.yahoo.com",
    "550 5.1.1 <ada@example.com>: Recipient address rejected: aol.com",
    "550 MAILBOX NOT FOUND",
    # Exchange, Exchange Online
    "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient ada@example.com not found by SMTP address lookup",
    "550 5.1.1 RESOLVER.ADR.RecipNotFound; not found",
    "550 5.1.1 User unknown",
    # iCloud
    "550 5.1.1 <ada@example.com>: user does not exist",
    "550 5.1.6 <ada@example.com>: no longer valid",
    # Postfix, with and without the enhanced code (smtpd_reject_footer, old versions, milters)
    "550 5.1.1 <ada@example.com>: Recipient address rejected: User unknown in local recipient table",
    "550 5.1.1 <ada@example.com>: Recipient address rejected: User unknown in relay recipient table",
    "550 <ada@example.com>: Recipient address rejected: User unknown in virtual mailbox table",
    "550 <ada@example.com>: Recipient address rejected: User unknown in relay recipient table",
    "550 <ada@example.com>: Recipient address rejected: No such user (ada@example.com)",
    "556 5.1.10 <ada@example.com>: Recipient address rejected: Domain example.com does not accept mail (nullMX)",
    # Sendmail
    "550 5.1.1 <ada@example.com>... User unknown",
    "550 <ada@example.com>... User unknown",
    "550 5.1.2 <ada@example.com>... Host unknown (Name server: example.com.: host not found)",
    "553 5.3.0 <ada@example.com>... Addressee unknown, relay=[192.0.2.7]",
    "553 5.1.3 <ada@example>... Domain name required",
    # Exim, cPanel
    "550 No Such User Here",
    "550 Unknown user",
    "550 Invalid recipient: <ada@example.com>",
    # qmail, Plesk
    "550 sorry, no mailbox here by that name. (#5.1.1)",
    "511 sorry, no mailbox here by that name (#5.1.1 - chkuser)",
    "550 sorry, no mailbox here by that name (#5.1.1)",
    # Orange, Wanadoo, La Poste, SFR
    "550 5.1.1 hhtzumeItI371 Adresse d au moins un destinataire invalide. Invalid recipient. OFR_416 [416]",
    "550 5.5.0 Adresse d au moins un destinataire invalide. Invalid recipient. LPN416",
    # Web.de, T-Online, IONOS
    "550 Benutzer nicht bekannt/User unknown",
    "550 Unknown local part ada in <ada@example.com>",
    "550 5.1.1 user unknown",
    "550 unknown user",
    # Barracuda, Mimecast, Domino, others
    "550 No such user (ada@example.com)",
    "550 Invalid Recipient - https://community.mimecast.com/docs/DOC-1369#550 [rX2hVnQ1.uk12]",
    "550 User ada (ada@example.com) not listed in Domino Directory",
    "550 5.1.1 unknown or illegal alias: ada@example.com",
    "550 5.2.0 No such mailbox",
    "550 5.0.0 No such user here",
    "550 RCPT TO:<ada@example.com> User unknown",
    "550 Sorry, ada@example.com does not have an account here.",
    "501 5.1.3 Bad recipient address syntax",
]

OURS = [
    # relaying, login
    "550 relay not permitted",
    "550 Relaying denied",
    "550 5.7.1 <ada@example.com>... Relaying denied",
    "550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain",
    "550 Unable to relay for ada@example.com",
    "550 relaying to <ada@example.com> prohibited by administrator",
    "550 This system is not configured to relay mail from 192.0.2.1 to <ada@example.com> for 192.0.2.1",
    "550 Mailing to remote domains not supported",
    "553 sorry, that domain isn't in my list of allowed rcpthosts",
    "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)",
    "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.5.3 - chkuser)",
    "554 5.7.1 <ada@example.com>: Relay access denied",
    "554 <ada@example.com>: Recipient address rejected: Relay access denied",
    "503 This mail server requires authentication when attempting to send to a non-local e-mail address.",
    "530 5.7.57 SMTP; Client was not authenticated to send anonymous mail during MAIL FROM",
    "530 Authentication required",
    "550 SMTP AUTH is required",
    "550 5.7.0 Must issue a STARTTLS command first",
    # blocklists
    "550 192.0.2.1 listed at spamhaus, see http://www.spamhaus.org",
    "550 Listed in zen.spamhaus.org. https://www.spamhaus.org/query/ip/192.0.2.1",
    "550 https://www.spamhaus.org/query/ip/192.0.2.1",
    "550 Email blocked by SPAMHAUS",
    "553 5.7.1 [BL21] Connections will not be accepted from 192.0.2.1, because the ip is in Spamhaus's list; see "
    "https://help.yahoo.com/kb/postmaster/SLN5070.html",
    "550 5.7.1 Service unavailable, Client host [192.0.2.1] blocked using Spamhaus. (AS16012611)",
    "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org",
    "550 5.2.1 Mailbox unavailable. Your IP address 192.0.2.1 is blacklisted using SPAMHAUS-XBL. Details: "
    "https://www.spamhaus.org/query/ip/192.0.2.1.",
    '550 "JunkMail rejected - mail.example.net\n(example.net) [192.0.2.1]:34032 is in an RBL, see\n'
    'https://www.spamhaus.org/query/ip/192.0.2.1"',
    "553 5.3.0 flph825 DNSBL:ATTRBL 521< 192.0.2.1 >_is_blocked.For assistance forward this email to "
    "abuse_rbl@abuse-att.net",
    "550 Blocked",
    # Outlook.com
    "550 SC-001 (BAY004-MC1F1) Unfortunately, messages from 192.0.2.1 weren't sent. Please contact your Internet "
    "service provider since part of their network is on our block list",
    "550 5.7.708 Service unavailable. Access denied, traffic not accepted from this IP",
    "550 5.1.8 Access denied, bad outbound sender AS(42004)",
    # Gmail
    "550 5.7.26 This mail has been blocked because the sender is unauthenticated.\n5.7.26 Gmail requires all senders "
    "to authenticate with either SPF or DKIM.",
    "550 5.7.1 [192.0.2.1 12] Our system has detected that this message is\n5.7.1 likely unsolicited mail.",
    "550 5.4.5 Daily user sending quota exceeded. For more information on Gmail\n5.4.5 sending limits go to",
    # GMX, Web.de, IONOS, Telekom
    "554 Transaction failed\nReject due to policy restrictions.\nFor explanation visit "
    "https://postmaster.gmx.net/en/case?c=hi&i=ip&v=192.0.2.1",
    "550 <ada@example.com>: Reject due to SPF policy. The originating IP of the message is not permitted by the "
    "domain owner",
    "550 Requested action not taken: mailbox unavailable\ninvalid DNS MX or A/AAAA resource record, check your domain",
    "554 IP=192.0.2.1 - A problem occurred. (Ask your postmaster for help or to contact tosa@rx.t-online.de to "
    "clarify.) (BL)",
    # the sender's address, told at RCPT (Postfix: smtpd_delay_reject; Exim: verify = sender)
    "550 5.1.0 <hello@example.net>: Sender address rejected: User unknown in virtual mailbox table",
    "550 5.1.1 <hello@example.net>: Sender address rejected: User unknown in local sender table",
    "550 5.1.8 <hello@example.net>: Sender address rejected: Domain not found",
    "550 Verification failed for <hello@example.net>\nNo Such User Here\nSender verify failed",
    "504 5.5.2 <shop>: Helo command rejected: need fully-qualified hostname",
    "554 5.7.1 <unknown[192.0.2.1]>: Client host rejected: cannot find your reverse hostname, [192.0.2.1]",
    # others
    '550 "The mail server could not deliver mail to ada@example.com.  The account or\ndomain may not exist, they may '
    'be blacklisted, or missing the proper dns\nentries."',
    "554 Message rejected: Email address is not verified. The following identities failed the check in region "
    "EU-WEST-1: ada@example.com",
    "550 5.4.6 Unusual sending activity detected. Please try after sometime",
    "550 High probability of spam",
    "550 Rejected by header based Anti-Spoofing policy: hello@example.net",
    "554 5.5.4 Your IP 192.0.2.1 address has a bad reputation.",
    "554 Your access to this mail system has been rejected due to the sending MTA's poor reputation.",
    "500 5.5.1 Command unrecognized",
    "503 Bad sequence of commands",
]

NEITHER = [
    # mailbox full
    "552 5.2.2 The email account that you tried to reach is over quota. Please direct\n5.2.2 the recipient to\n5.2.2  "
    "https://support.google.com/mail/?p=OverQuotaPerm - gsmtp",
    "550 Mailbox full",
    "550 Quota Exceeded",
    "552 5.1.1 hibJumn68I371 Boite du destinataire pleine. Recipient overquota. OFR_417 [417]",
    "552 5.2.2 <ada@example.com>: Over quota",
    "552 recipient storage full, try again later",
    "552 Requested mail action aborted: exceeded storage allocation",
    "550 Benutzer hat das Speichervolumen ueberschritten. / User has exhausted allowed storage space.",
    "554 5.2.2 mailbox full; STOREDRV.Deliver.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded",
    "550 5.2.0 <ada@example.com>... recipient mailbox is full",
    "550 5.1.1 <ada@example.com>: recipient over quota",
    # too big
    "552 5.3.4 Error: message file too big",
    "552 Message size exceeds maximum permitted",
    "550 5.2.3 RESOLVER.RST.RecipSizeLimit; message too large for this recipient",
    # switched off
    "550 5.2.1 The email account that you tried to reach is disabled. - gsmtp",
    "550 5.2.1 <ada@example.com> ... User is inactive",
    "554 30 Sorry, your message to ada@example.com cannot be delivered. This mailbox is disabled (554.30).",
    "550 5.5.0 Boite du destinataire archivee. Archived recipient. LPN007_420",
    # what may mean anything: the very words of RFC 5321, and others
    "550 Requested action not taken: mailbox unavailable",
    "550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302)",
    "553 Requested action not taken: mailbox name not allowed",
    "551 User not local; please try <ada@example.net>",
    "550 5.4.1 Recipient address rejected: Access denied. [DB5EUR01FT024.eop-EUR01.prod.protection.outlook.com]",
    "550 Unrouteable address",
    "550 #5.1.0 Address rejected.",
    "550 <ada@example.com>: Recipient address rejected: Domain not found",
    "554 Transaction failed",
    "554 5.0.0 Service unavailable",
    "550 5.3.0 no",
    "550 no",
    "571 ",
    # the content
    "552 5.6.0 Message content is not acceptable",
    "554 Your message contains a virus: Eicar-Test-Signature",
    "554 5.6.7 non-ASCII addresses not permitted for that sender/recipient",
]

NOT_NOW = [
    "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume or user complaints",
    "421 4.7.0 Try again later, closing connection.",
    "421 mwinf5c04 ME Trop de connexions, veuillez verifier votre configuration. Too many connections. OFR004_104",
    "421 RP-001 (BAY004-MC1F1) Unfortunately, some messages from 192.0.2.1 weren't sent.",
    "450 4.2.1 The user you are trying to contact is receiving mail too quickly.",
    "450 4.7.1 <ada@example.com>: Recipient address rejected: Greylisted, see http://postgrey.schweikert.ch/",
    "450 4.1.1 <ada@example.com>: Recipient address rejected: unverified address",
    "450 4.1.2 <ada@example.com>: Recipient address rejected: Domain not found",
    "450 Requested mail action not taken: mailbox unavailable",
    "451 4.3.0 Temporary lookup failure",
    "451 Requested action aborted: local error in processing",
    "451 Currently Sending Spam See: http://www.sorbs.net/lookup.shtml?192.0.2.1",
    "452 4.2.2 The email account that you tried to reach is over quota.",
    "452 4.3.1 Insufficient system storage",
    "452 4.5.3 Your message has too many recipients.",
    "454 4.7.1 <ada@example.com>: Relay access denied",
    "454 4.7.0 Temporary authentication failure",
    "422 4.2.2 Quota limit exceeded",
    "400 user unknown",
]


@pytest.mark.parametrize("phase", [Phase.RCPT, Phase.BODY])
@pytest.mark.parametrize("words", NO_SUCH_ADDRESS)
def test_an_address_that_does_not_exist_is_a_hard_bounce(words: str, phase: Phase) -> None:
    assert said(words, phase) == (Outcome.REJECTED, "hard bounce")


@pytest.mark.parametrize("phase", [Phase.RCPT, Phase.BODY])
@pytest.mark.parametrize("words", OURS)
def test_what_is_about_us_never_blames_the_address(words: str, phase: Phase) -> None:
    """One relay that is set up wrongly answers so to every customer of a shop."""
    assert said(words, phase) == (Outcome.REJECTED, "our fault")


@pytest.mark.parametrize("phase", [Phase.RCPT, Phase.BODY])
@pytest.mark.parametrize("words", NEITHER)
def test_what_is_about_this_mail_or_says_nothing_clear_fails_and_blames_nobody(words: str, phase: Phase) -> None:
    assert said(words, phase) == (Outcome.REJECTED, "nobody's fault")


@pytest.mark.parametrize("phase", [Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.BODY])
@pytest.mark.parametrize("words", NOT_NOW)
def test_every_4xx_is_worth_another_try(words: str, phase: Phase) -> None:
    about_the_line = words.startswith(("421", "454"))
    assert said(words, phase) == (Outcome.DEFERRED, "our fault" if about_the_line else "nobody's fault")


@pytest.mark.parametrize("words", [*NO_SUCH_ADDRESS, *OURS, *NEITHER])
def test_whatever_is_said_while_connecting_or_of_the_sender_blames_no_recipient(words: str) -> None:
    assert said(words, Phase.CONNECT) == (Outcome.DEFERRED, "our fault")
    assert said(words, Phase.MAIL) in [(Outcome.REJECTED, "our fault"), (Outcome.REJECTED, "nobody's fault")]


@pytest.mark.parametrize("words", [words for words in NEITHER if words.startswith("552")])
def test_a_size_that_is_refused_when_it_is_announced_is_not_a_fault_of_ours(words: str) -> None:
    assert said(words, Phase.MAIL) == (Outcome.REJECTED, "nobody's fault")


@pytest.mark.parametrize("name", ["relay", "spam", "policy", "blocked", "sender", "full", "unknown.user"])
def test_the_name_of_an_address_is_not_what_the_server_says(name: str) -> None:
    assert said(f"550 <{name}@example.com>: user unknown", Phase.RCPT) == (Outcome.REJECTED, "hard bounce")
    assert said(f"550 {name}@{name}.example.com: no", Phase.RCPT) == (Outcome.REJECTED, "nobody's fault")


@given(st.integers(500, 599), st.text(max_size=300))
def test_no_words_are_too_odd(code: int, words: str) -> None:
    receipt = refusal(new_id(), Reply(code, words), Phase.RCPT)
    assert not (receipt.hard_bounce and receipt.fault_is_ours)


def said(words: str, phase: Phase) -> tuple[Outcome, str]:
    receipt = refusal(new_id(), Reply(int(words[:3]), words[4:]), phase)
    return receipt.outcome, whose(receipt)


def whose(receipt: Receipt) -> str:
    if receipt.hard_bounce:
        return "hard bounce and our fault" if receipt.fault_is_ours else "hard bounce"
    return "our fault" if receipt.fault_is_ours else "nobody's fault"
