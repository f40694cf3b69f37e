"""Complaints 投诉 and enquiries."""
