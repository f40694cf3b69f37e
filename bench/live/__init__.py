"""What following costs: memory of idle subscriptions, the way of an event to all of them, NOTIFY at the commit of writers."""
