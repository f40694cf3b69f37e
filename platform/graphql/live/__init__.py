"""Subscriptions: what can be followed, and the two ways in which it comes, WebSocket and event stream."""
