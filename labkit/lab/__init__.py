"""What a notebook sees. Nothing is imported here: each tool is found in the module of its name, and the course's in `labkit`."""
