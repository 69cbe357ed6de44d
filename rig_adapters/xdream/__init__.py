"""The folders by which XDream and a rig talk: images one way, responses the other.

Pure files: no process, no wire. What is in a reply is read in `sessions.xdream`, since replies are
HDF5, which nothing at the rig loads. See decision 0024.
"""
