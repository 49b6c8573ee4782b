import { writeFlag } from './flags.ts';
import { type Option, optionRows } from './options.ts';

const LINE_LENGTH_MAX = 100;
const INDENT = '        ';

/** Breaks a text into indented lines between words. */
function wrapText(text: string): string {
  const lines: string[] = [];
  let line = INDENT;
  for (const word of text.split(' ')) {
    if (line.length + word.length + 1 > LINE_LENGTH_MAX && line !== INDENT) {
      lines.push(line);
      line = INDENT;
    }
    line += line === INDENT ? word : ` ${word}`;
  }
  return [...lines, line].join('\n');
}

/** How readers are told of a default. */
export function describeDefault(row: Option<unknown>): string {
  return row.default === '' ? (row.defaultMeans ?? '""') : row.default;
}

function describeOption(name: string, row: Option<unknown>): string {
  const placeholder = row.value.placeholder === '' ? '' : ` ${row.value.placeholder}`;
  const isOldFlag = row.deprecatedFlag && name === writeFlag(row.flag ?? '');
  const deprecated = isOldFlag ? ` Deprecated: set key "${row.key ?? ''}" in the configuration file.` : '';
  return `  ${name}${placeholder}
${wrapText(`${row.help} Default: ${describeDefault(row)}.${deprecated}`)}`;
}

/** The text of `dracpu --help`: every flag, variable and file-only key with its default. */
export function formatHelp(): string {
  const rows = optionRows.map(([, row]) => row);
  const flags = rows.flatMap((row) => (row.flag === undefined ? [] : [describeOption(writeFlag(row.flag), row)]));
  const keys = rows.flatMap((row) => (row.key && row.flag === undefined ? [describeOption(`${row.key}:`, row)] : []));
  const variables = rows.flatMap((row) => (row.environment ? [describeOption(row.environment, row)] : []));
  return [
    'dracpu, the DRA driver for CPUs: runs as the daemon of one node.',
    '',
    'Usage: dracpu [flags]',
    '       dracpu <subcommand> [options]     ("dracpu help" lists the subcommands)',
    '',
    'Flags (one dash or two, value after "=" or a space):',
    ...flags,
    `  --version\n${wrapText('Print the version and end.')}`,
    `  --help, -h\n${wrapText('Print this text and end.')}`,
    '',
    'Keys that only the configuration file has:',
    ...keys,
    '',
    'Environment, where neither file nor flag says otherwise:',
    ...variables,
    '',
  ].join('\n');
}
