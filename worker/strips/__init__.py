"""Images too large to hold: strips of rows pass through the filters, and join to what the whole would have given."""
