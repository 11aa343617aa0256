"""The engine as a process: its environment, signals, requests, and its words when it fails."""
