"""Ways to run the pipeline, all behind common.jobs.engine.Engine and all with the same outputs, byte for byte."""
