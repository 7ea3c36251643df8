import { useMemo, useRef } from "react";
import { Provider } from "urql";
import { createLiveClient } from "./client";
import { LiveStatus } from "./LiveStatus";
import { ItemForm } from "./ItemForm";
import { Items } from "./Items";
import { session, signOut, type Viewer } from "./session";
import { SignInDialog } from "./SignInDialog";
import { useStore } from "./store";

export function App() {
  const viewer = useStore(session)?.viewer ?? null;
  // A new key: nothing that one viewer has read is shown to the next.
  return <LivePage key={viewer?.id} viewer={viewer} />;
}

function LivePage({ viewer }: { viewer: Viewer | null }) {
  const { client, feed } = useMemo(createLiveClient, []);
  const dialog = useRef<HTMLDialogElement>(null);
  const showDialog = () => dialog.current?.showModal();
  return (
    <Provider value={client}>
      <header>
        <h1>Items</h1>
        {viewer ? (
          <p className="viewer">
            <span>{viewer.name}</span>
            <button type="button" onClick={signOut}>
              Sign out
            </button>
          </p>
        ) : (
          <button type="button" onClick={showDialog}>
            Sign in
          </button>
        )}
      </header>
      <main>
        <LiveStatus state={feed} />
        {viewer ? (
          <ItemForm />
        ) : (
          <p className="hint">
            Everybody may read and watch. To write,{" "}
            <button type="button" className="link" onClick={showDialog}>
              sign in or sign up
            </button>
            .
          </p>
        )}
        <Items viewer={viewer} feed={feed} />
      </main>
      <SignInDialog ref={dialog} />
    </Provider>
  );
}
