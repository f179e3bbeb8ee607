"""What a recipient chose goes before what the shop knows of them.

For queries that join both tables, `preferences` by an outer join.
"""

from sqlalchemy import func

from aftercart.db.tables import preferences, recipients

OWN_LOCALE = func.coalesce(func.nullif(preferences.c.locale, ""), recipients.c.locale)
OWN_TIME_ZONE = func.coalesce(func.nullif(preferences.c.time_zone, ""), recipients.c.time_zone)
