import { defineConfig } from "vite";

export default defineConfig({
  // Where the server serves the built page's assets.
  base: "/pages/graphiql/",
  build: {
    outDir: "../dist/graphiql",
    emptyOutDir: true,
    target: "es2022",
    rolldownOptions: {
      // That libraries say "use client" means nothing in a page without a server.
      onLog(level, log, handler) {
        if (log.code !== "MODULE_LEVEL_DIRECTIVE") handler(level, log);
      },
    },
    // The editor is one large part by nature.
    chunkSizeWarningLimit: 8000,
  },
  worker: { format: "es" },
  server: { proxy: { "/graphql": { target: "http://127.0.0.1:8000", ws: true } } },
});
