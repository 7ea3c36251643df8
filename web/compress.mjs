// Puts beside each asset of a built page the same, compressed: node compress.mjs dist/<name>
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const assets = join(process.argv[2], "assets");
for (const name of readdirSync(assets)) {
  const file = join(assets, name);
  const plain = readFileSync(file);
  const options = { params: { [constants.BROTLI_PARAM_SIZE_HINT]: plain.length } };
  const compressed = { ".br": brotliCompressSync(plain, options), ".gz": gzipSync(plain, { level: 9 }) };
  for (const [suffix, bytes] of Object.entries(compressed)) {
    if (bytes.length < plain.length) writeFileSync(file + suffix, bytes);
  }
}
