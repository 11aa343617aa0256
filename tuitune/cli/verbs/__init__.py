"""One file a verb: `arguments` declares its arguments, and the function of its name carries it out.

They are loaded to show their help, too, so they import at their top only what costs nothing: `tuitune.cli.arguments`,
`tuitune.cli.output` and the ground floor.
"""
