"""Turn files and standard input into lines: open, unpack and split them, and recognise each line's kind."""
