"""The programs and CRDs of the tests' cluster: made once, kept in the user's cache."""
