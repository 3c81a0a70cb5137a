"""Files and standard input into lines: opening, unpacking, splitting, and what each line is."""
