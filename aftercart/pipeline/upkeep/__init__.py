"""What keeps the engine well over months, and tells others what happened."""
