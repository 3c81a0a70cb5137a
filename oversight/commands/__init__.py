"""One module per command. Each exports the function that `oversight.cli` registers under the command's name."""
