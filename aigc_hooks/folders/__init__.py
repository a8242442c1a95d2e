"""Whole folders: finding the files, working on them on all cores, going on after a kill."""
