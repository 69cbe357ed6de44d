"""Blackrock's Cerebus family: its packets are listened to, and nothing is ever sent."""
