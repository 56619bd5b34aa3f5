"""What the pipeline components call: plain functions on data frames and files.

No KFP below this package but in `compile` and `local_run`: the components are thin, and everything
that they do is tested here without a pipeline.
"""
