import type { CombinedError } from "@urql/core";

/** What went wrong, for people: what the server says, or that it says nothing. */
export function explained({ graphQLErrors }: CombinedError): string {
  return graphQLErrors[0]?.message ?? "The server cannot be reached.";
}
