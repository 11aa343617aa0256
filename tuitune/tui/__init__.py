"""The screen: draws state, sends messages, decides nothing."""
