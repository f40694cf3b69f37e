"""What dealerships do and how they are judged; no GraphQL, HTTP or queue imports."""
