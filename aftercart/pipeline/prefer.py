"""What recipients choose on their preference page: read for it, and kept."""

from sqlalchemy import func

from aftercart.db.tables import preferences, recipients

OWN_LOCALE = func.coalesce(func.nullif(preferences.c.locale, ""), recipients.c.locale)
"""What a person chose goes before what the shop knows; for queries that join both tables, `preferences` by outer join."""
OWN_TIME_ZONE = func.coalesce(func.nullif(preferences.c.time_zone, ""), recipients.c.time_zone)
