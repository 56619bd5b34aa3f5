"""Estimators: how they are built, searched, fitted and handed from task to task."""
