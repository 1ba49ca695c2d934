"""Alerts: who is told, and how, of a night that a person should look at."""
