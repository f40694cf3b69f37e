"""Which group, which store, which role: one transaction, provisioning, the embedded server, queue and reader."""
