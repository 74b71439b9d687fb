"""Ways to run the pipeline. All implement common.jobs.engine.Engine and give the same outputs, byte for byte."""
