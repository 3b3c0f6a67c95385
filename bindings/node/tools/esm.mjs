// Writes lib/index.mjs and its types: the ES module hands out the very classes of the CommonJS one, so that a program
// may mix `import` and `require`. The names are the compiler's: the module itself starts only with its native library,
// which may not be built yet.

import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const folder = fileURLToPath(new URL('..', import.meta.url));
const { config } = ts.readConfigFile(`${folder}tsconfig.json`, ts.sys.readFile);
const { options } = ts.parseJsonConfigFileContent(config, ts.sys, folder);
const index = `${folder}src/index.ts`;
const program = ts.createProgram([index], options);
const checker = program.getTypeChecker();

/** Whether a name is there when the program runs, and not only a type. */
function isValue(symbol) {
  const meant = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  return (meant.flags & ts.SymbolFlags.Value) !== 0;
}

const exported = checker
  .getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(index)))
  .filter(isValue)
  .map(symbol => symbol.name)
  .sort();
const lines = exported.map(name => `export const ${name} = etcdkit.${name};`);
const lib = new URL('../lib/', import.meta.url);
writeFileSync(new URL('index.mjs', lib), `import etcdkit from './index.js';\n\n${lines.join('\n')}\n`);
writeFileSync(new URL('index.d.mts', lib), "export * from './index.js';\n");
