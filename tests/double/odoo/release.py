"""The series, where tools look for it."""

RELEASE_LEVEL = "final"
version_info = (18, 0, 0, RELEASE_LEVEL, 0, "")
version = "18.0"
series = "18.0"
