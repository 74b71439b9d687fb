"""Ways to run the pipeline, all behind common.engine.Engine and all with the same outputs, byte for byte."""
