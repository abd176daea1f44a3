"""Reads. Each starts from `visible_to(user)`, or says why it needs no user."""
