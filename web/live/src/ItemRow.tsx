import { useState, type Ref } from "react";
import type { ItemFieldsFragment } from "./gql/graphql";
import { ItemEditor } from "./ItemEditor";
import type { Viewer } from "./session";

const TIME = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

interface Props {
  item: ItemFieldsFragment;
  viewer: Viewer | null;
  ref: Ref<HTMLLIElement>;
}

export function ItemRow({ item, viewer, ref }: Props) {
  const [isEdited, setEdited] = useState<boolean>();
  const [shownFirst] = useState(item.version);
  const mayEdit = viewer && (viewer.id === item.owner.id || viewer.role === "ADMIN");
  return (
    <li className="item" ref={ref} tabIndex={-1} aria-label={item.title}>
      {isEdited ? (
        <ItemEditor item={item} onDone={() => setEdited(false)} />
      ) : (
        // A new key at each version: the style shows shortly that it has changed.
        <article key={item.version} className={item.version > shownFirst ? "changed" : undefined}>
          <h2>{item.title}</h2>
          {item.description && <p>{item.description}</p>}
          <p className="facts">
            <span>{item.owner.name}</span>
            <time dateTime={item.updatedAt}>{TIME.format(Date.parse(item.updatedAt))}</time>
            <span>version {item.version}</span>
          </p>
        </article>
      )}
      {mayEdit && !isEdited && (
        <button
          type="button"
          aria-label={`Edit ${item.title}`}
          autoFocus={isEdited === false} // the editor has just been closed
          onClick={() => setEdited(true)}
        >
          Edit
        </button>
      )}
    </li>
  );
}
