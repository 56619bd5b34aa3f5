"""What the pipeline components call: plain functions on data frames and files.

No KFP in this package: the components are thin, and everything that they do is tested here without
a pipeline.
"""
