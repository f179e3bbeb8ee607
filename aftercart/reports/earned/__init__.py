"""What did a campaign earn?

against_holdout  what people spend who may get its mails, beside those who get none: what the mails change
spent_by_arm     what those of each arm spent, summed up by the database where they are many
credited         the orders that followed a click: a rule, not a proof
funnel           how many mails were planned, sent, clicked and followed by an order, step by step
report           all of it together
"""

from aftercart.reports.earned.report import CampaignReport, report_on

__all__ = ["CampaignReport", "report_on"]
