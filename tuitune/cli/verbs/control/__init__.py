"""Verbs that act on a run: end it, delete it, or ask something of it while it trains."""
