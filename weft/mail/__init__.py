"""Mail: written by whoever knows what to say, sent in the background."""
