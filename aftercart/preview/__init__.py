"""Mails looked at before anybody gets them: in a browser, as pictures, and as a test in one's own inbox."""
