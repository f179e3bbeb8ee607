"""YAML files that a shop owner edits, read into campaigns, with every fault named by file, line and key."""
