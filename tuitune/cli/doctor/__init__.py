"""What `tuitune doctor` looks at."""
