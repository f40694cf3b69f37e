"""Follow-up calls 回访 and recovery tasks."""
