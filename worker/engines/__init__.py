"""Ways to run the pipeline. All of them implement common.jobs.engine.Engine and give the same outputs, byte for byte."""
