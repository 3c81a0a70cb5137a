"""The artifact's file format: read it safely, and open it so that no other file is read."""
