// Every operation of the page. `npm run generate` checks them against the schema and types them.
import { graphql } from "./gql";

graphql(`
  fragment ItemFields on Item {
    id
    title
    description
    status
    version
    createdAt
    updatedAt
    owner {
      id
      name
    }
  }
`);

export const ItemsDocument = graphql(`
  query Items($after: String) {
    items(
      first: 10
      after: $after
      filter: { status: [PUBLISHED] }
      orderBy: { field: CREATED_AT, direction: DESC }
    ) {
      nodes {
        ...ItemFields
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

export const ItemDocument = graphql(`
  query Item($id: ID!) {
    item(id: $id) {
      ...ItemFields
    }
  }
`);

export const ItemChangedDocument = graphql(`
  subscription ItemChanged($after: String) {
    itemChanged(after: $after) {
      kind
      id
      cursor
      item {
        ...ItemFields
      }
    }
  }
`);

/** Asked on the socket after the subscription: its answer tells that the subscription has begun. */
export const ProbeDocument = graphql(`
  query Probe {
    items(first: 1) {
      nodes {
        id
      }
    }
  }
`);

export const CreateItemDocument = graphql(`
  mutation CreateItem($input: CreateItemInput!) {
    createItem(input: $input) {
      item {
        ...ItemFields
      }
      errors {
        code
        path
        message
      }
    }
  }
`);

export const UpdateItemDocument = graphql(`
  mutation UpdateItem($input: UpdateItemInput!) {
    updateItem(input: $input) {
      item {
        ...ItemFields
      }
      errors {
        code
        path
        message
      }
    }
  }
`);

graphql(`
  fragment Opened on SessionPayload {
    session {
      accessToken
      accessTokenExpiresAt
      refreshToken
    }
    viewer {
      id
      name
      role
    }
    errors {
      code
      path
      message
    }
  }
`);

export const SignUpDocument = graphql(`
  mutation SignUp($input: SignUpInput!) {
    opened: signUp(input: $input) {
      ...Opened
    }
  }
`);

export const SignInDocument = graphql(`
  mutation SignIn($input: SignInInput!) {
    opened: signIn(input: $input) {
      ...Opened
    }
  }
`);

export const RefreshSessionDocument = graphql(`
  mutation RefreshSession($input: RefreshSessionInput!) {
    opened: refreshSession(input: $input) {
      ...Opened
    }
  }
`);

export const SignOutDocument = graphql(`
  mutation SignOut {
    signOut {
      signedOut
    }
  }
`);
