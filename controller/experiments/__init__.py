"""Pure plans: what is to be shown next. No sockets, files, GPUs or windows.

`blocks`     codes and reference images → trials in a shuffled order
`evolution`  one evolution thread: an optimizer, its driver units, its place on the screen
"""
