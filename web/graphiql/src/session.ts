// Who is signed in: tokens are kept until the browser's tab is closed, and renewed in time.
import { post } from "./http";
import { Store } from "./store";

const KEY = "weft:tokens";
const EARLY_MS = 60_000;
const LATE_MS = 2_000;

interface Tokens {
  accessToken: string;
  refreshToken: string;
  accessTokenExpiresAt: string;
}

export interface Viewer {
  name: string;
  email: string | null;
  role: string;
}

interface Payload {
  session: Tokens | null;
  viewer: Viewer | null;
  errors: { message: string }[];
}

const PAYLOAD = `{
  session { accessToken refreshToken accessTokenExpiresAt }
  viewer { name email role }
  errors { message }
}`;
const SIGN_IN = `mutation ($input: SignInInput!) { payload: signIn(input: $input) ${PAYLOAD} }`;
const REFRESH = `mutation ($input: RefreshSessionInput!) { payload: refreshSession(input: $input) ${PAYLOAD} }`;
const SIGN_OUT = "mutation { signOut { signedOut } }";
const VIEWER = "{ viewer { name email role } }";

/** Null for a stranger. */
export const viewer = new Store<Viewer | null>(null);
/** The Authorization header's value; changes with each renewal, and with who is signed in. */
export const authorization = new Store<string | null>(null);

let tokens: Tokens | null = null;
let timer: ReturnType<typeof setTimeout> | undefined;
let renewing: Promise<void> | undefined;

/** Signs in; the answer is what was wrong, null if nothing was. */
export async function signIn(email: string, password: string): Promise<string | null> {
  return ask(SIGN_IN, { email, password });
}

/** Ends the session on the server, and forgets it here in any case. */
export async function signOut(): Promise<void> {
  const headers = await credentials();
  adopt(null, null);
  await post({ query: SIGN_OUT }, headers);
}

/** The header of a request; waits for a renewal that is under way, and renews a late token. */
export async function credentials(): Promise<Record<string, string>> {
  if (tokens && msLeft(tokens) < LATE_MS) await renew();
  await renewing;
  return authorization.value ? { Authorization: authorization.value } : {};
}

/** Goes on with a session that an operation of the user's own has opened. */
export async function adoptFrom(data: unknown): Promise<void> {
  for (const payload of Object.values(data ?? {})) {
    const session = payload?.session;
    if (!session?.accessToken || !session.refreshToken || !session.accessTokenExpiresAt) continue;
    adopt(session, null);
    await learnViewer();
  }
}

/** Goes on with the session that this tab of the browser had before it was reloaded. */
export async function restore(): Promise<void> {
  const kept = sessionStorage.getItem(KEY);
  if (!kept) return;
  adopt(JSON.parse(kept) as Tokens, null);
  await learnViewer();
}

function renew(): Promise<void> {
  renewing ??= ask(REFRESH, { refreshToken: tokens?.refreshToken })
    .then((problem) => {
      if (problem) adopt(null, null);
    })
    .catch(() => {
      timer = setTimeout(renew, 5_000); // the server cannot be reached now
    })
    .finally(() => {
      renewing = undefined;
    });
  return renewing;
}

async function ask(query: string, input: Record<string, unknown>): Promise<string | null> {
  const { result } = await post<{ payload: Payload }>({ query, variables: { input } });
  const payload = result.data?.payload;
  if (!payload?.session) {
    return payload?.errors[0]?.message ?? result.errors?.[0]?.message ?? "No answer.";
  }
  adopt(payload.session, payload.viewer);
  return null;
}

async function learnViewer(): Promise<void> {
  const { result } = await post<{ viewer: Viewer | null }>({ query: VIEWER }, await credentials());
  if (result.data?.viewer) viewer.value = result.data.viewer;
  else adopt(null, null); // the session has ended meanwhile
}

function adopt(session: Tokens | null, who: Viewer | null): void {
  clearTimeout(timer);
  tokens = session;
  authorization.value = session && `Bearer ${session.accessToken}`;
  viewer.value = who;
  if (session) {
    sessionStorage.setItem(KEY, JSON.stringify(session));
    timer = setTimeout(renew, Math.max(msLeft(session) - EARLY_MS, msLeft(session) / 2));
  } else {
    sessionStorage.removeItem(KEY);
  }
}

function msLeft({ accessTokenExpiresAt }: Tokens): number {
  return Date.parse(accessTokenExpiresAt) - Date.now();
}
