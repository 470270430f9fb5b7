/**
 * The files beside this folder, filled in for a stack: task definitions and policies are written
 * once, as AWS takes them, and everything that CDK makes of them is read from there.
 */
import { readFileSync } from 'node:fs';
import { Aws } from 'aws-cdk-lib';

/** A text of the files and what takes its place. */
export type Replacements = Record<string, string>;

/** The text of a file under deploy/, as it stands. */
export function text(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
}

/**
 * A JSON file under deploy/ with its texts replaced, the longest first; region, account and
 * partition become the stack's. A placeholder that is left is an error.
 */
export function load(path: string, replacements: Replacements): any {
  const all = {
    ...replacements,
    'arn:aws:': `arn:${Aws.PARTITION}:`,
    '<ACCOUNT_ID>': Aws.ACCOUNT_ID,
    '<REGION>': Aws.REGION,
  };
  const longestFirst = Object.entries(all).sort(([a], [b]) => b.length - a.length);
  const filled = longestFirst.reduce((so_far, [from, to]) => so_far.replaceAll(from, to), text(path));
  const left = filled.match(/<[A-Z_]+>/);
  if (left) throw new Error(`${path}: nothing was given for ${left[0]}`);
  return JSON.parse(filled);
}
