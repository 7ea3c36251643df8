// Who is signed in, in all tabs of this browser, and the tokens that prove it.
import { Client, fetchExchange, type OperationResult } from "@urql/core";
import { explained } from "./errors";
import type { OpenedFragment, SignInInput, SignUpInput } from "./gql/graphql";
import { RefreshSessionDocument, SignInDocument, SignOutDocument, SignUpDocument } from "./operations";
import { createStore } from "./store";

export type Viewer = NonNullable<OpenedFragment["viewer"]>;

interface Session {
  viewer: Viewer;
  accessToken: string;
  refreshToken: string;
  /** When to renew the tokens, by this machine's clock. */
  renewAt: number;
}

const KEY = "weft.session";
/** Tokens are renewed when this much of their time has passed, so none expires on its way. */
const USED_SHARE = 0.8;
/** What a token is believed to be good for at least, even where this machine's clock is fast. */
const SHORTEST_MS = 20_000;

export const session = createStore<Session | null>(stored());
addEventListener("storage", (event) => {
  if (event.key === KEY) session.set(stored()); // another tab has signed in or out, or renewed
});

// Operations of the session itself: they need no token and no cache.
const client = new Client({ url: "/graphql", exchanges: [fetchExchange], preferGetMethod: false });

/** Returns what is wrong with the input; nothing if the viewer is signed in now. */
export async function signIn(input: SignInInput): Promise<string[]> {
  return opened(await client.mutation(SignInDocument, { input }));
}

/** The same for somebody new. */
export async function signUp(input: SignUpInput): Promise<string[]> {
  return opened(await client.mutation(SignUpDocument, { input }));
}

export async function signOut(): Promise<void> {
  const token = await accessToken();
  keep(null);
  if (token) await client.mutation(SignOutDocument, {}, { fetchOptions: { headers: bearer(token) } });
}

/** A token that is good for a while, renewed if need be; null for strangers. */
export async function accessToken(): Promise<string | null> {
  if (isRenewalDue()) await (renewal ??= renew().finally(() => (renewal = undefined)));
  return session.get()?.accessToken ?? null;
}

export function isRenewalDue(): boolean {
  return millisecondsToRenewal() <= 0;
}

export function millisecondsToRenewal(): number {
  return (session.get()?.renewAt ?? Infinity) - Date.now();
}

/** The server has refused the token: whoever asks next is given another one. */
export function refused(token: string | null | undefined): void {
  const current = session.get();
  if (current && current.accessToken === token) keep({ ...current, renewAt: 0 });
}

export function bearer(token: string) {
  return { Authorization: `Bearer ${token}` };
}

let renewal: Promise<void> | undefined;

// A refresh token is good once. Tabs that renew at the same moment all get fresh ones: for that
// the server lets a used one pass for a few seconds more.
async function renew(): Promise<void> {
  const refreshToken = session.get()?.refreshToken;
  if (!refreshToken) return;
  const result = await client.mutation(RefreshSessionDocument, { input: { refreshToken } });
  // A server out of reach says nothing about the session: the old token is tried once more.
  if (result.data && opened(result).length > 0) keep(null);
}

function opened({ data, error }: OperationResult<{ opened: OpenedFragment }>): string[] {
  if (error) return [explained(error)];
  const { session: tokens, viewer, errors } = data!.opened;
  if (tokens && viewer) {
    const { accessToken, refreshToken, accessTokenExpiresAt } = tokens;
    const lifetime = Math.max(Date.parse(accessTokenExpiresAt) - Date.now(), SHORTEST_MS);
    keep({ viewer, accessToken, refreshToken, renewAt: Date.now() + lifetime * USED_SHARE });
  }
  return errors.map(({ message }) => message);
}

function keep(next: Session | null): void {
  if (next) localStorage.setItem(KEY, JSON.stringify(next));
  else localStorage.removeItem(KEY);
  session.set(next);
}

function stored(): Session | null {
  return JSON.parse(localStorage.getItem(KEY) ?? "null") as Session | null;
}
