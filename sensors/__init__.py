"""The world as Samples: one device kind or file format a file, the same method names in each."""
