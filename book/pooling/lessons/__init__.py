"""The functions that the lessons teach, exported from their notebooks."""
