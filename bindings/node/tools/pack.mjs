// Makes the packages that users install: `node tools/pack.mjs LIBRARY FOLDER`.
//
// `etcdkit-PLATFORM-VERSION.tgz` has the native library and nothing else, one for each platform; `etcdkit-VERSION.tgz`
// names them all as optional, so that an installation from a registry fetches the one it needs. The latter also carries
// the library of the machine it was made on: installed from the file it needs no registry. `--no-library` leaves that
// out, for a package that is published.

import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const PLATFORMS = {
  'linux-x64-gnu': { os: ['linux'], cpu: ['x64'], libc: ['glibc'] },
  'linux-arm64-gnu': { os: ['linux'], cpu: ['arm64'], libc: ['glibc'] },
  'linux-x64-musl': { os: ['linux'], cpu: ['x64'], libc: ['musl'] },
  'linux-arm64-musl': { os: ['linux'], cpu: ['arm64'], libc: ['musl'] },
  'darwin-x64': { os: ['darwin'], cpu: ['x64'] },
  'darwin-arm64': { os: ['darwin'], cpu: ['arm64'] },
  'win32-x64-msvc': { os: ['win32'], cpu: ['x64'] },
};

const [library, folder] = process.argv.slice(2).filter(argument => !argument.startsWith('--'));
if (!library || !folder) {
  console.error('usage: node tools/pack.mjs LIBRARY FOLDER [--no-library]');
  process.exit(2);
}
const target = resolve(folder);
const source = new URL('..', import.meta.url).pathname;
const { platform } = createRequire(import.meta.url)('../lib/native.js');
const here = platform();
const manifest = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8'));
const { version, license, repository } = manifest;
const work = mkdtempSync(join(tmpdir(), 'etcdkit-pack-'));

function pack(name, files, contents) {
  const stage = join(work, name);
  mkdirSync(stage, { recursive: true });
  for (const [to, from] of files) {
    cpSync(from, join(stage, to), { recursive: true });
  }
  writeFileSync(join(stage, 'package.json'), `${JSON.stringify(contents, null, 2)}\n`);
  copyFileSync(join(source, '../../LICENSE'), join(stage, 'LICENSE'));
  const packed = execFileSync('npm', ['pack', '--silent', '--pack-destination', target], {
    cwd: stage,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const file = packed.trim();
  console.log(`${file}: ${(statSync(join(target, file)).size / 2 ** 20).toFixed(1)} MB`);
}

mkdirSync(target, { recursive: true });
const binary = `etcdkit.${here}.node`;
const { devDependencies: _dev, scripts: _scripts, ...published } = manifest;
const optionalDependencies = Object.fromEntries(
  Object.keys(PLATFORMS).map(name => [`etcdkit-${name}`, version]),
);
const files = [
  ['lib', join(source, 'lib')],
  ['README.md', join(source, 'README.md')],
];
if (!process.argv.includes('--no-library')) {
  files.push([join('lib', binary), library]);
}
pack('etcdkit', files, { ...published, optionalDependencies });
pack(`etcdkit-${here}`, [[binary, library]], {
  name: `etcdkit-${here}`,
  version,
  description: `The native library of etcdkit for ${here}`,
  license,
  repository,
  main: binary,
  files: [binary],
  ...PLATFORMS[here],
});
rmSync(work, { recursive: true });
