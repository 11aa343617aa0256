"""Work with torch that is not training, a process each."""
