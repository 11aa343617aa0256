"""The base model and its tokenizer, brought to the device and held against their files."""
