import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { errorText } from '../lib/log.ts';
import { formatIssue } from './validate/manifest.ts';
import type { PodRules } from './validate/pods.ts';
import { type ManifestText, validateManifests } from './validate/validate.ts';
import { declareCommand } from './commands.ts';

/** The options of `dracpu validate`, as commander fills them in. */
interface ValidateOptions {
  readonly filename: readonly string[];
  readonly output: 'text' | 'json';
  readonly claimSharing: PodRules['sharing'];
  readonly nodeAllocatableMapping?: boolean;
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

function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function runValidate(options: ValidateOptions, command: Command): void {
  let texts: ManifestText[];
  try {
    texts = options.filename.flatMap(readTexts);
  } catch (error) {
    return command.error(`Cannot validate: ${errorText(error)}; check --filename`, { exitCode: 2 });
  }
  const rules = { sharing: options.claimSharing, nodeAllocatableMapping: options.nodeAllocatableMapping ?? false };
  const { manifests, issues } = validateManifests(texts, rules);
  const errors = issues.filter(({ severity }) => severity === 'error').length;
  if (options.output === 'json') {
    process.stdout.write(`${JSON.stringify({ objects: manifests.length, errors, issues })}\n`);
  } else {
    const warnings = issues.filter(({ severity }) => severity === 'warning').length;
    const total = `${countOf(manifests.length, 'object')} checked: ${countOf(errors, 'error')}, ${countOf(warnings, 'warning')}`;
    process.stdout.write(`${[...issues.map(formatIssue), total].join('\n')}\n`);
  }
  if (errors > 0) process.exitCode = 1;
}

/** Adds `validate`: checks claims, classes and pods before a cluster sees them. */
export function addValidateCommand(program: Command): void {
  const validation = declareCommand(program, 'validate');
  validation
    .requiredOption('-f, --filename <path...>', 'files or folders of manifests, "-" for standard input')
    .addOption(new Option('-o, --output <form>', 'what to print').choices(['text', 'json']).default('text'))
    .addOption(
      new Option('--claim-sharing <who>', "the driver's claimSharing").choices(['none', 'pod']).default('none'),
    )
    .option(
      '--node-allocatable-mapping',
      'the driver publishes node allocatable mappings: pods need not repeat the CPUs',
    )
    .action((options: ValidateOptions) => runValidate(options, validation));
}
