/** Reads `cdk deploy -c KEY=VALUE`: the command line gives words, the construct takes numbers and truth values. */
import type { Node } from 'constructs';
import type { Choices } from './stacks.ts';

const NUMBERS = ['proxyMinTasks', 'proxyMaxTasks', 'proxyCpu', 'proxyMemory', 'proxyRequestsPerTarget'] as const;
const SWITCHES = ['useArm64', 'enableContainerInsights', 'enableEcsExec', 'publicLoadBalancer'] as const;

/** @throws when a value is neither a whole number nor true or false, where one is asked for */
export function choicesOf(node: Node): Choices {
  const given = (key: string) => node.tryGetContext(key);
  const chosen: Record<string, unknown> = { certificateArn: given('certificateArn') };
  for (const key of NUMBERS) {
    if (given(key) === undefined) continue;
    chosen[key] = Number(given(key));
    if (!Number.isInteger(chosen[key])) throw new Error(`${key}=${given(key)}: give a whole number`);
  }
  for (const key of SWITCHES) {
    if (given(key) === undefined) continue;
    if (!['true', 'false'].includes(`${given(key)}`)) throw new Error(`${key}=${given(key)}: give true or false`);
    chosen[key] = `${given(key)}` === 'true';
  }
  return chosen;
}
