"""The commands of `python -m blockhess`, each in a module of its own.

`commands` knows what may be typed, and imports the module of a command when it is typed: each has
`run(arguments, screen)`, which prints for people, returns an `Outcome` for machines, and imports
TensorFlow. `screen` is where they print; `start_up` keeps TensorFlow's messages from it.
"""
