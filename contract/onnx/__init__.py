"""The file format of the artifact: reading it safely, and opening it so that no other file is touched."""
