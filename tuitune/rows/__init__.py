"""What stands in a row: names of columns, values, turns and tool calls, in the spellings that data sets use."""
