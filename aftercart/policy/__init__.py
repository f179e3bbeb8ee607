"""May this mail go out now: consent, suppression, quiet hours, caps, and the one decision about them."""
