import { useState, type FormEvent, type Ref } from "react";
import { Problems } from "./Problems";
import { signIn, signUp } from "./session";

/** Signs in or up. The page of the new viewer takes the place of this one, the dialog included. */
export function SignInDialog({ ref }: { ref: Ref<HTMLDialogElement> }) {
  const [isNew, setNew] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [problems, setProblems] = useState<string[]>([]);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const given = (name: string) => String(form.get(name));
    const credentials = { email: given("email"), password: given("password") };
    setBusy(true);
    setProblems(await (isNew ? signUp({ ...credentials, name: given("name") }) : signIn(credentials)));
    setBusy(false);
  }

  return (
    <dialog ref={ref} aria-labelledby="sign-in">
      <form onSubmit={submit}>
        <h2 id="sign-in">{isNew ? "Sign up" : "Sign in"}</h2>
        {isNew && (
          <label>
            Name
            <input name="name" autoComplete="name" required maxLength={100} />
          </label>
        )}
        <label>
          E-mail address
          <input name="email" type="email" autoComplete="username" required />
        </label>
        <label>
          Password
          <input
            name="password"
            type="password"
            autoComplete={isNew ? "new-password" : "current-password"}
            minLength={isNew ? 10 : undefined}
            required
          />
        </label>
        <Problems messages={problems} />
        <p className="buttons">
          <button type="submit" disabled={isBusy}>
            {isNew ? "Sign up" : "Sign in"}
          </button>
          <button type="button" onClick={(event) => event.currentTarget.closest("dialog")?.close()}>
            Cancel
          </button>
        </p>
        <button type="button" className="link" onClick={() => setNew(!isNew)}>
          {isNew ? "I have an account" : "I am new here"}
        </button>
      </form>
    </dialog>
  );
}
