"""How the embedded network is trained: pictures, losses and the loop; no session needs this room.

`people`, `things` and `pictures` paint what is learned; `networks` holds what training needs beside
the decoder; `losses` and `loop` train; `sheets` shows how far it has come.
"""
