// The pane "Account": signs in and out, and says who one is.
import { Button, type GraphiQLPlugin, useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import { type FormEvent, useState } from "react";
import { signIn, signOut, viewer } from "./session";
import { useStore } from "./store";

const isLocal = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
const SAMPLES = ["member", "admin"];

function Account() {
  const who = useStore(viewer);
  return (
    <section aria-label="Account" className="pane">
      <h2>Account</h2>
      {who ? (
        <>
          <dl>
            <dt>Signed in as</dt>
            <dd>{who.name}</dd>
            <dt>E-mail address</dt>
            <dd>{who.email}</dd>
            <dt>Role</dt>
            <dd>{who.role}</dd>
          </dl>
          <p>
            Requests and sockets carry the token; it is renewed in time, and forgotten with this tab of
            the browser.
          </p>
          <Button type="button" onClick={() => void signOut()}>
            Sign out
          </Button>
        </>
      ) : (
        <SignIn />
      )}
    </section>
  );
}

function SignIn() {
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [problem, setProblem] = useState<string | null>(null);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setProblem(await signIn(email, password).catch(() => "The server cannot be reached."));
  };

  return (
    <form onSubmit={submit}>
      <p>Strangers may read what is published. Whoever signs in may write.</p>
      <label>
        E-mail address
        <input
          type="email"
          autoComplete="username"
          required
          value={email}
          onChange={(event) => setEmail(event.target.value)}
        />
      </label>
      <label>
        Password
        <input
          type="password"
          autoComplete="current-password"
          required
          value={password}
          onChange={(event) => setPassword(event.target.value)}
        />
      </label>
      <p role="alert">{problem}</p>
      <Button type="submit">Sign in</Button>
      {isLocal && (
        <p>
          After <code>make run</code> there are two accounts for trying things out:
          {SAMPLES.map((name) => (
            <Button
              key={name}
              type="button"
              onClick={() => {
                setEmail(`${name}@example.com`);
                setPassword(`development-${name}`);
              }}
            >
              Fill in the {name}
            </Button>
          ))}
        </p>
      )}
    </form>
  );
}

function AccountIcon() {
  return (
    <svg viewBox="0 0 20 20" fill="none" stroke="currentColor" strokeWidth="1.5">
      <circle cx="10" cy="6.5" r="3.5" />
      <path d="M3 18c0-4 3-6 7-6s7 2 7 6" />
    </svg>
  );
}

export const accountPlugin: GraphiQLPlugin = {
  title: "Account",
  content: Account,
  icon: AccountIcon,
};

/** Says in the corner who is signed in, and opens the pane. */
export function AccountButton() {
  const who = useStore(viewer);
  const visible = useGraphiQL((state) => state.visiblePlugin);
  const { setVisiblePlugin } = useGraphiQLActions();
  const toggle = () => setVisiblePlugin(visible === accountPlugin ? null : accountPlugin);
  return (
    <Button type="button" className="account-button" onClick={toggle}>
      {who ? `${who.name} · ${who.role}` : "Sign in"}
    </Button>
  );
}
