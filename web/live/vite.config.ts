import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// `npm run dev` serves the page; the API is that of `make run`, or of the server named here.
const server = process.env.WEFT_URL ?? "http://127.0.0.1:8000";

export default defineConfig({
  plugins: [react()],
  base: "/pages/live/",
  build: { outDir: "../dist/live", emptyOutDir: true, assetsInlineLimit: 0 },
  server: { proxy: { "/graphql": { target: server, ws: true, changeOrigin: true } } },
});
