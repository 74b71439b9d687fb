"""The sections of the report. Their words follow from the measurements, and the first sentence of each is a finding."""
