"""What is collected here."""

import os

collect_ignore = [] if "PAYLOADS" in os.environ else ["test_real_payloads.py"]
"""Bodies that shops really sent belong to others and are not part of this repository; `PAYLOADS` names their folder."""
