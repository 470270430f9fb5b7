/** Refuses a size that Fargate does not have before CloudFormation has to. */
import { text } from './files.ts';

const SIZES: Record<string, number[]> = JSON.parse(text('fargate-sizes.json'));

/** @throws when Fargate has no task of so many CPU units and MiB of memory */
export function assertFargateSize(cpu: number, memory: number): void {
  const memories = SIZES[cpu];
  if (!memories) throw new Error(`proxyCpu ${cpu}: Fargate has ${Object.keys(SIZES).join(', ')}`);
  if (!memories.includes(memory)) {
    throw new Error(`proxyMemory ${memory}: with ${cpu} CPU units Fargate has ${memories.join(', ')} MiB`);
  }
}
