"""The reader: entities declared once, shapes of what is asked, and an interpreter that reads them from a store."""
