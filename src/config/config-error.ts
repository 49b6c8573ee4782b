import { CodedError } from '../lib/coded-error.ts';
/** What is wrong with the command line, the environment or the configuration file. */
export type ConfigErrorCode =
  | 'UnknownFlag'
  | 'BadFlagSyntax'
  | 'MissingValue'
  | 'UnexpectedArgument'
  | 'InvalidValue'
  | 'UnreadableFile'
  | 'MalformedFile'
  | 'UnknownKey'
  | 'RepeatedKey'
  | 'KeyNotAllowed'
  | 'WrongType'
  | 'UnsupportedVersion';

/** One thing that is wrong, as a full sentence. */
export interface ConfigProblem {
  readonly code: ConfigErrorCode;
  readonly message: string;
}

/**
 * A command line, environment or configuration file that the daemon cannot start with (exit code 2). All problems that were
 * found are told at once, a line each, so that a file is put right in one go and not in one restart a mistake.
 */
export class ConfigError extends CodedError<ConfigErrorCode> {
  override readonly name = 'ConfigError';
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly [ConfigProblem, ...ConfigProblem[]], cause?: unknown) {
    super(problems[0].code, problems.map((problem) => problem.message).join('\n'), { cause });
    this.problems = problems;
  }
}
