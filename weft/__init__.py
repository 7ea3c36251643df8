"""The machinery of a GraphQL server: knows no noun of the domain; what a fork keeps."""
