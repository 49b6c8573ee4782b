import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { errorText } from '../lib/log.ts';
import { formatIssue, type Manifest, type ManifestText } from './validate/manifest.ts';
import { VERSIONS_OF_KIND } from '../resource-api/schema/kinds.ts';
import { addSettingOptions, type GivenSettings } from './validate/settings.ts';
import { validateManifests } from './validate/validate.ts';
import { declareCommand } from './commands.ts';
import { countOf } from '../lib/count.ts';

/** The options of `dracpu validate`, as commander fills them in. */
interface ValidateOptions extends GivenSettings {
  readonly filename: readonly string[];
  readonly output: 'text' | 'json';
}

const MANIFEST_NAME = /\.(?:ya?ml|json)$/;
const STDIN_FD = 0;

/** The texts of a file, of every manifest in a folder, or of standard input ("-"). */
function readTexts(path: string): ManifestText[] {
  if (path === '-') return [{ file: 'stdin', text: readFileSync(STDIN_FD, 'utf8') }];
  if (!statSync(path).isDirectory()) return [{ file: path, text: readFileSync(path, 'utf8') }];
  const names = readdirSync(path).filter((name) => MANIFEST_NAME.test(name));
  return names.toSorted().map((name) => ({ file: join(path, name), text: readFileSync(join(path, name), 'utf8') }));
}

/** How many objects have a kind that is checked, and the kinds of the others. */
function countKinds(manifests: readonly Manifest[]): { readonly checked: number; readonly others: readonly string[] } {
  const others = manifests.filter(({ kind }) => !VERSIONS_OF_KIND.has(kind));
  const kinds = new Set(others.map(({ kind }) => kind || 'objects without a kind'));
  return { checked: manifests.length - others.length, others: [...kinds].sort() };
}

function runValidate(options: ValidateOptions, command: Command): void {
  let texts: ManifestText[];
  try {
    texts = options.filename.flatMap(readTexts);
  } catch (error) {
    return command.error(`Cannot validate: ${errorText(error)}; check --filename`, { exitCode: 2 });
  }
  const { manifests, issues } = validateManifests(texts, options);
  if (manifests.length === 0 && issues.length === 0) {
    const paths = options.filename.map((path) => JSON.stringify(path)).join(', ');
    return command.error(`Cannot validate: no object in ${paths}; check --filename`, { exitCode: 1 });
  }
  const { checked, others } = countKinds(manifests);
  const errors = issues.filter(({ severity }) => severity === 'error').length;
  if (options.output === 'json') {
    process.stdout.write(
      `${JSON.stringify({ objects: checked, unchecked: manifests.length - checked, errors, issues })}\n`,
    );
  } else {
    const warnings = issues.filter(({ severity }) => severity === 'warning').length;
    const total = `${countOf(checked, 'object')} checked: ${countOf(errors, 'error')}, ${countOf(warnings, 'warning')}`;
    const rest = others.length === 0 ? '' : `; not checked: ${others.join(', ')}`;
    process.stdout.write(`${[...issues.map(formatIssue), `${total}${rest}`].join('\n')}\n`);
  }
  if (errors > 0) process.exitCode = 1;
}

/** Adds `validate`: checks claims, classes and pods before a cluster sees them. */
export function addValidateCommand(program: Command): void {
  const validation = declareCommand(program, 'validate');
  validation
    .requiredOption('-f, --filename <path...>', 'files or folders of manifests, "-" for standard input')
    .addOption(new Option('-o, --output <form>', 'what to print').choices(['text', 'json']).default('text'));
  addSettingOptions(validation).action((options: ValidateOptions) => runValidate(options, validation));
}
