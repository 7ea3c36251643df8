// The tabs that a newcomer finds: what this API can do, one operation each.

const ITEMS_WITH_OWNERS = `# Ctrl+Enter runs this; Ctrl+Space completes.
# Documentation: the book on the left.

# A list with its owners. However many, each
# level is loaded at once: open "Explain" on
# the left, and run it.
query ItemsWithOwners {
  items(
    first: 5
    orderBy: {
      field: UPDATED_AT
      direction: DESC
    }
  ) {
    totalCount
    nodes {
      title
      tags
      updatedAt
      owner {
        name
        itemCount
      }
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
`;

const NESTED_PAGE = `# Pages in a page. For the next one, put the
# endCursor into the variable "after" below.
query NestedPage($first: Int = 3, $after: String) {
  users(first: $first, after: $after) {
    nodes {
      id
      name
      items(first: 2, filter: { status: [PUBLISHED] }) {
        totalCount
        nodes {
          id
          title
          owner {
            name
          }
        }
      }
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
`;

const CREATE_ITEM = `# A mutation with variables. Sign in first,
# by the button on the right.
# What is wrong with the input is in "errors",
# with a code; nothing is half done.
mutation CreateItem($input: CreateItemInput!) {
  createItem(input: $input) {
    item {
      id
      title
      status
      version
      owner {
        name
      }
    }
    errors {
      code
      message
      path
    }
  }
}
`;

const ITEM_CHANGED = `# A subscription: run it, and change an item
# in another window, or in psql.
# With "cursor" and "$after" it misses
# nothing when the connection is lost.
subscription ItemChanged($after: String) {
  itemChanged(after: $after) {
    kind
    cursor
    item {
      id
      title
      version
      owner {
        name
      }
    }
  }
}
`;

const SIGN_IN = `# Signs in: this page sends the token from
# then on, and renews it. The button on the
# right does the same with a form.
# "make run" opens this account.
mutation SignIn($input: SignInInput!) {
  signIn(input: $input) {
    session {
      accessToken
      accessTokenExpiresAt
      refreshToken
    }
    viewer {
      name
      email
      role
    }
    errors {
      code
      message
    }
  }
}
`;

const json = (value: unknown) => JSON.stringify(value, null, 2);

export const examples = [
  { query: ITEMS_WITH_OWNERS },
  { query: NESTED_PAGE, variables: json({ first: 3, after: null }) },
  {
    query: CREATE_ITEM,
    variables: json({
      input: { title: "A first item", status: "PUBLISHED", tags: ["demo"] },
    }),
  },
  { query: ITEM_CHANGED },
  {
    query: SIGN_IN,
    variables: json({ input: { email: "member@example.com", password: "development-member" } }),
  },
];
