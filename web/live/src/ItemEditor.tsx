import { useRef, useState, type FormEvent } from "react";
import { useClient, useMutation } from "urql";
import { explained } from "./errors";
import type { ItemFieldsFragment } from "./gql/graphql";
import { ItemFields, type ItemText } from "./ItemFields";
import { ItemDocument, UpdateItemDocument } from "./operations";
import { Problems } from "./Problems";

interface Props {
  /** As it is now: it changes under the editor when somebody else writes. */
  item: ItemFieldsFragment;
  onDone: () => void;
}

/** Edits an item, and never overwrites unseen what somebody else has written meanwhile. */
export function ItemEditor({ item, onDone }: Props) {
  const client = useClient();
  const [base, setBase] = useState(item); // the version that is edited
  const [mine, setMine] = useState(textOf(item));
  const [{ data, error, fetching }, update] = useMutation(UpdateItemDocument);
  const refusals = data?.updateItem.errors.filter(({ code }) => code !== "CONFLICT");
  const problems = error ? [explained(error)] : refusals?.map(({ message }) => message);
  const save = useRef<HTMLButtonElement>(null);
  const isBehind = item.version > base.version;

  async function submit(event: FormEvent) {
    event.preventDefault();
    const input = { id: item.id, expectedVersion: base.version, ...changed(textOf(base), mine) };
    const { data } = await update({ input });
    if (data?.updateItem.item) onDone();
    // What stands there now comes by the subscription as well, but perhaps not yet.
    if (data?.updateItem.errors.some(({ code }) => code === "CONFLICT")) {
      await client.query(ItemDocument, { id: item.id }, { requestPolicy: "network-only" });
    }
  }

  function resolve(text: ItemText) {
    setMine(text);
    setBase(item);
    save.current?.focus(); // the buttons of the conflict go
  }

  return (
    <form aria-label={`Edit ${base.title}`} onSubmit={submit}>
      <ItemFields text={mine} onChange={setMine} autoFocus />
      <Problems messages={problems} />
      {isBehind && (
        <section className="conflict" role="alert">
          <h3>Somebody else has changed this item meanwhile</h3>
          <p>It is now:</p>
          <blockquote>
            <strong>{item.title}</strong>
            {item.description && <p>{item.description}</p>}
          </blockquote>
          <button type="button" onClick={() => resolve({ ...textOf(item), ...changed(textOf(base), mine) })}>
            Keep my changes
          </button>
          <button type="button" onClick={() => resolve(textOf(item))}>
            Take theirs
          </button>
        </section>
      )}
      <p className="buttons">
        <button type="submit" disabled={fetching} ref={save}>
          Save
        </button>
        <button type="button" onClick={onDone}>
          Cancel
        </button>
      </p>
    </form>
  );
}

function textOf({ title, description }: ItemFieldsFragment): ItemText {
  return { title, description: description ?? "" };
}

/** What differs from the version that was edited: nothing else is sent. */
function changed(base: ItemText, mine: ItemText): Partial<ItemText> {
  return {
    ...(mine.title !== base.title && { title: mine.title }),
    ...(mine.description !== base.description && { description: mine.description }),
  };
}
