"""The mask inspector: a row as the tokens the model will see."""
