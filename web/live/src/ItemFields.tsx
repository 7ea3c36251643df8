export interface ItemText {
  title: string;
  description: string;
}

interface Props {
  text: ItemText;
  onChange: (text: ItemText) => void;
  autoFocus?: boolean;
}

/** The inputs of an item, for a new one and for one that is edited. */
export function ItemFields({ text, onChange, autoFocus }: Props) {
  return (
    <>
      <label>
        Title
        <input
          required
          autoFocus={autoFocus}
          maxLength={200}
          value={text.title}
          onChange={(event) => onChange({ ...text, title: event.target.value })}
        />
      </label>
      <label>
        Description
        <textarea
          rows={2}
          maxLength={10_000}
          value={text.description}
          onChange={(event) => onChange({ ...text, description: event.target.value })}
        />
      </label>
    </>
  );
}
