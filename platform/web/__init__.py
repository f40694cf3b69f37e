"""The HTTP door for people: staff pages and the public survey page."""
