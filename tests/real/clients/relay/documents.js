// Documents for the Relay compiler: pages, fragments, refetches, mutations, subscriptions.
// It refuses a schema that breaks its rules of connections and object identification.
graphql`
  fragment documents_item on Item @refetchable(queryName: "documentsItemQuery") {
    id
    title
    version
    owner {
      ...documents_owner
    }
  }
`;

graphql`
  fragment documents_owner on User {
    name
    itemCount
  }
`;

graphql`
  query documentsItemsQuery($count: Int!, $cursor: String) {
    ...documents_items @arguments(count: $count, cursor: $cursor)
  }
`;

graphql`
  fragment documents_items on Query
  @argumentDefinitions(count: { type: "Int!" }, cursor: { type: "String" })
  @refetchable(queryName: "documentsItemsPageQuery") {
    items(first: $count, after: $cursor, orderBy: { field: TITLE }) @connection(key: "documents_items") {
      __id
      edges {
        node {
          ...documents_item
        }
      }
    }
  }
`;

graphql`
  query documentsLastItemsQuery($owner: ID!, $count: Int!) {
    user(id: $owner) {
      ...documents_lastItems @arguments(count: $count)
    }
  }
`;

graphql`
  fragment documents_lastItems on User
  @argumentDefinitions(count: { type: "Int!" }, cursor: { type: "String" })
  @refetchable(queryName: "documentsLastItemsPageQuery") {
    items(last: $count, before: $cursor) @connection(key: "documents_last_items") {
      edges {
        node {
          title
        }
      }
    }
  }
`;

graphql`
  mutation documentsCreateMutation($input: CreateItemInput!, $connections: [ID!]!) {
    createItem(input: $input) {
      item @prependNode(connections: $connections, edgeTypeName: "ItemEdge") {
        ...documents_item
      }
      errors {
        code
        path
        message
      }
    }
  }
`;

graphql`
  mutation documentsDeleteMutation($input: DeleteItemInput!, $connections: [ID!]!) {
    deleteItem(input: $input) {
      deletedId @deleteEdge(connections: $connections) @deleteRecord
      errors {
        code
      }
    }
  }
`;

graphql`
  subscription documentsChangedSubscription($after: String) {
    itemChanged(after: $after) {
      kind
      cursor
      item {
        ...documents_item
      }
    }
  }
`;
