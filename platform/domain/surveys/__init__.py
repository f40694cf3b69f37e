"""Survey templates, invitations, responses 满意度调查."""
