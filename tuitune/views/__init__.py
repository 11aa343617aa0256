"""What a screen or a command shows, without Textual."""
