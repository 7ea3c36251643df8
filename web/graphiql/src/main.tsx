import "./workers";
import { explorerPlugin } from "@graphiql/plugin-explorer";
import { HISTORY_PLUGIN } from "@graphiql/plugin-history";
import { useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import { GraphiQL } from "graphiql";
import { useEffect, useRef } from "react";
import { createRoot } from "react-dom/client";
import "graphiql/style.css";
import "@graphiql/plugin-explorer/style.css";
import { Account } from "./account";
import { examples } from "./examples";
import { explainPlugin } from "./explain";
import { fetcher } from "./fetcher";
import { restore, viewer } from "./session";
import { status } from "./status";
import { storage } from "./storage";
import { useStore } from "./store";
import "./style.css";

const plugins = [HISTORY_PLUGIN, explorerPlugin(), explainPlugin];

/** Long lines are broken, and the editors follow the system from light to dark and back. */
function Editors() {
  const editor = useGraphiQL((state) => state.queryEditor);
  const theme = useGraphiQL((state) => state.theme);
  const { setTheme } = useGraphiQLActions();
  useEffect(() => editor?.updateOptions({ wordWrap: "on" }), [editor]);
  useEffect(() => {
    const system = matchMedia("(prefers-color-scheme: dark)");
    const follow = () => setTheme(theme);
    system.addEventListener("change", follow);
    return () => system.removeEventListener("change", follow);
  }, [theme, setTheme]);
  return null;
}

/** Not everybody may see the schema: it is asked for again by whoever signs in or out. */
function Schema() {
  const email = useStore(viewer)?.email;
  const { introspect } = useGraphiQLActions();
  const asked = useRef(email);
  useEffect(() => {
    if (asked.current !== email) void introspect();
    asked.current = email;
  }, [email, introspect]);
  return null;
}

function Status() {
  return <output className="status">{useStore(status) || "Ctrl+Enter runs the operation"}</output>;
}

function App() {
  return (
    <GraphiQL
      fetcher={fetcher}
      plugins={plugins}
      storage={storage}
      defaultTabs={examples}
      defaultEditorToolsVisibility
      inputValueDeprecation
    >
      <GraphiQL.Logo>
        <Account />
      </GraphiQL.Logo>
      <GraphiQL.Footer>
        <Status />
        <Editors />
        <Schema />
      </GraphiQL.Footer>
    </GraphiQL>
  );
}

const root = document.getElementById("root");
if (root) {
  // A session of before is taken up first, so that whatever is shown is for whoever has it.
  await restore().catch(() => undefined);
  createRoot(root).render(<App />);
}
