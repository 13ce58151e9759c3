"""The lessons as a whole: their form, and their exercises."""
