"""What the words mean: pure objects, verbs in, two lists out."""
