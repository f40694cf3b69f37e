"""Which group, which store, which role: roles, one transaction, provisioning, the embedded server, the queue, the reader."""
