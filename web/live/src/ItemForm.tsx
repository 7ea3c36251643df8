import { useState, type FormEvent } from "react";
import { useMutation } from "urql";
import { explained } from "./errors";
import { ItemFields } from "./ItemFields";
import { CreateItemDocument } from "./operations";
import { Problems } from "./Problems";

const EMPTY = { title: "", description: "" };

/** A new item; the cache puts it into the list. */
export function ItemForm() {
  const [text, setText] = useState(EMPTY);
  const [{ data, error, fetching }, create] = useMutation(CreateItemDocument);
  const problems = error ? [explained(error)] : data?.createItem.errors.map(({ message }) => message);

  async function submit(event: FormEvent) {
    event.preventDefault();
    const result = await create({ input: { ...text, status: "PUBLISHED" } });
    if (result.data?.createItem.item) setText(EMPTY);
  }

  return (
    <form className="new" aria-label="New item" onSubmit={submit}>
      <ItemFields text={text} onChange={setText} />
      <Problems messages={problems} />
      <button type="submit" disabled={fetching}>
        Add item
      </button>
    </form>
  );
}
