// Who is signed in: a button in the corner, and the dialog that it opens.
import { Button, Dialog } from "@graphiql/react";
import { type FormEvent, useState } from "react";
import { signIn, signOut, viewer } from "./session";
import { useStore } from "./store";

const isLocal = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
const SAMPLES = ["member", "admin"];

export function Account() {
  const who = useStore(viewer);
  const [isOpen, setIsOpen] = useState(false);
  return (
    <>
      <Button type="button" className="account-button" onClick={() => setIsOpen(true)}>
        {who ? `${who.name} · ${who.role}` : "Sign in"}
      </Button>
      <Dialog open={isOpen} onOpenChange={setIsOpen}>
        <div className="graphiql-dialog-header">
          <Dialog.Title className="graphiql-dialog-title">{who ? who.name : "Sign in"}</Dialog.Title>
          <Dialog.Close />
        </div>
        <div className="graphiql-dialog-section pane">
          {who ? <SignedIn /> : <SignIn onSignedIn={() => setIsOpen(false)} />}
        </div>
      </Dialog>
    </>
  );
}

function SignedIn() {
  const who = useStore(viewer);
  return (
    <>
      <dl>
        <dt>E-mail address</dt>
        <dd>{who?.email}</dd>
        <dt>Role</dt>
        <dd>{who?.role}</dd>
      </dl>
      <Dialog.Description>
        Requests and sockets carry your token. It is renewed in time, and forgotten when this tab of the
        browser is closed.
      </Dialog.Description>
      <Button type="button" onClick={() => void signOut()}>
        Sign out
      </Button>
    </>
  );
}

function SignIn({ onSignedIn }: { onSignedIn: () => void }) {
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [problem, setProblem] = useState<string | null>(null);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const found = await signIn(email, password).catch(() => "The server cannot be reached.");
    setProblem(found);
    if (!found) onSignedIn();
  };

  return (
    <form onSubmit={submit}>
      <Dialog.Description>
        Strangers may read what is published. Whoever signs in may write.
      </Dialog.Description>
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
        <>
          <p>
            <code>make run</code> opens two accounts for trying things out:
          </p>
          <div className="samples">
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
          </div>
        </>
      )}
    </form>
  );
}
