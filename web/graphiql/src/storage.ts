// Where GraphiQL keeps its tabs, plugins and sizes: what a reload finds again.

const TABS = "graphiql:tabState";
const EDITORS: Record<string, "query" | "variables"> = {
  "graphiql:query": "query",
  "graphiql:variables": "variables",
};

interface Tab {
  query: string | null;
  variables: string | null;
}

function activeTab(): Tab | undefined {
  const stored = localStorage.getItem(TABS);
  if (!stored) return undefined;
  const { tabs, activeTabIndex } = JSON.parse(stored) as { tabs: Tab[]; activeTabIndex: number };
  return tabs[activeTabIndex];
}

/**
 * GraphiQL looks for a tab that is like what stood in the editors. It forgets the variables of tabs
 * that nobody has edited, finds none, and opens a copy of the tab with each reload; so it is told
 * what the active tab has.
 */
export const storage = {
  getItem(key: string): string | null {
    const editor = EDITORS[key];
    return editor ? (activeTab()?.[editor] ?? null) : localStorage.getItem(key);
  },
  setItem: (key: string, value: string) => localStorage.setItem(key, value),
  removeItem: (key: string) => localStorage.removeItem(key),
  clear: () => localStorage.clear(),
  get length() {
    return localStorage.length;
  },
};
