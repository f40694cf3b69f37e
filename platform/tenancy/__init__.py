"""Group, store and role: database roles, one transaction, provisioning, the embedded server, the queue, the reader."""
