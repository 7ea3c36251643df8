"""Mail, sent in the background."""
