"""Small real doubles for tests of programs that talk."""
