// Writes lib/index.mjs and its types: the ES module hands out the very classes of the CommonJS one, so that a program
// may mix `import` and `require`.

import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const lib = new URL('../lib/', import.meta.url);
const exported = Object.keys(createRequire(import.meta.url)(new URL('index.js', lib).pathname)).sort();
const lines = exported.map(name => `export const ${name} = etcdkit.${name};`);
writeFileSync(new URL('index.mjs', lib), `import etcdkit from './index.js';\n\n${lines.join('\n')}\n`);
writeFileSync(new URL('index.d.mts', lib), "export * from './index.js';\n");
