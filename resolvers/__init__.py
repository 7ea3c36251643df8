"""What the rules are: functions that answer fields, given rows, giving rows."""
