"""The GraphQL door: the schema, and resolvers that translate and nothing else."""
