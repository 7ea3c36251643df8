"""The machinery of a GraphQL server, without any noun of the domain: the part that a fork keeps."""
