"""The seven verbs, one file each: what a result depends on (its key) and how it is made.

A verb works on plain values and a folder to write into, so that the pipeline, which adds the cache, and the command
line, which adds plain files, share it.
"""
