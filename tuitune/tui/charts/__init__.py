"""Line charts for a terminal: braille dots, exact extremes at any zoom, ranges that hold still.

Only `chart` knows Textual.
"""
