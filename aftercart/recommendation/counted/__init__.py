"""What past orders show by counting: what goes together, what is bought instead, what comes after."""
