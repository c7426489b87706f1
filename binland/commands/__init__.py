"""Commands of the command line `binland`, which `binland/cli.py` puts together.

They import what they need when they run, so that --help is quick and Ctrl-C gives one line from the start.
"""
