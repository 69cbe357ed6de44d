"""The linear-Gaussian generator of a folder of pictures: measured, shrunk, kept in a file."""
