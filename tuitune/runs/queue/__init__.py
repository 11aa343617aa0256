"""Who gets a device, and when."""
