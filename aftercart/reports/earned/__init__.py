"""What did a campaign earn?

against_holdout  what people spend who may get its mails, beside those who get none: what the mails change
credited         the orders that followed a click: a rule, not a proof
funnel           how many mails were planned, sent, clicked and followed by an order, step by step
report           all of it together
"""

from aftercart.reports.earned.report import CampaignReport, report_on

__all__ = ["CampaignReport", "report_on"]
