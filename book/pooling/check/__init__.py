"""Instant answers to the exercises: `check.NAME(your_function)`."""
