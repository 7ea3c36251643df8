/** What the server has against the input, for people. */
export function Problems({ messages = [] }: { messages?: string[] }) {
  if (messages.length === 0) return null;
  return (
    <ul className="problems" role="alert">
      {messages.map((message) => (
        <li key={message}>{message}</li>
      ))}
    </ul>
  );
}
