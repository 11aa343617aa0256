"""One file a verb: `arguments` declares its arguments, and the function of its name carries it out.

A file is loaded when its verb is called, or to show its help or complete its arguments. So what takes a third of a
second to load (the schema of recipes, and what needs it: planning, launching) is imported where it is used.
"""
