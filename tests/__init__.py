"""Tests of labkit and of the course."""
