import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

const pages = globSync('**/*.md', { exclude: ['node_modules/**', 'dist/**'] }).sort();
const makefiles = ['Makefile', ...globSync('hack/*.mk')].map((path) => readFileSync(path, 'utf8')).join('\n');
const targets = new Set([...makefiles.matchAll(/^([a-z0-9-]+):/gm)].map(([, target]) => target));

/** The anchors that a page's headings have, as forges make them. */
function listAnchors(text: string): Set<string> {
  const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => heading);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

for (const page of pages) {
  const text = readFileSync(page, 'utf8');

  test(`${page}: its links lead to files and headings of the repository`, () => {
    const links = [...text.matchAll(/\]\((?!https?:|mailto:)([^)\s]+)\)/g)].map(([, link = '']) => link);
    const broken = links.filter((link) => {
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? page : join(dirname(page), path);
      if (!existsSync(target)) return true;
      return anchor !== undefined && target.endsWith('.md') && !listAnchors(readFileSync(target, 'utf8')).has(anchor);
    });
    assert.deepEqual(broken, []);
  });

  test(`${page}: the make targets that it names exist`, () => {
    const named = [...text.matchAll(/(?:`|^)make ([a-z0-9-]+)/gm)].map(([, target = '']) => target);
    assert.deepEqual(
      [...new Set(named)].filter((target) => !targets.has(target)),
      [],
    );
  });
}

test('images in documentation and examples have the version of the package', () => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  const files = [...pages, ...globSync('hack/examples/**/*.yaml')];
  const images = files.flatMap(
    (file) => readFileSync(file, 'utf8').match(/localhost\/dra-driver-cpu[a-z-]*:v[\w.]+/g) ?? [],
  );
  assert.ok(images.length > 0);
  assert.deepEqual(
    images.filter((image) => !image.endsWith(`:v${version}`)),
    [],
  );
});
