"""Judgements in, customers out; pure."""
