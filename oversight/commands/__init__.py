"""One module a command; each exports the function that `oversight.cli` registers under the command's name."""
