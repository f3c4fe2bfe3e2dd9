"""The command line, `hamkke`: one small file for each group of verbs, registered in main.py."""
