"""All that ever runs in the jail.

The modules here import the standard library, numpy, torch and each other, never `archwright`: in a
worker this folder is loaded as the package `inside`, and the rest of Archwright is out of reach.
They are told what to do in plain JSON and answer in JSON and raw arrays.
"""
